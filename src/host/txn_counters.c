/* SPDX-License-Identifier: Apache-2.0 */
/* What the transactions of all workers come to, as counters of the server. */
#include "host/host.h"

#define ROW(name, field) { name, offsetof(struct txn_counters, field) }

static const struct {
    const char *name;
    size_t offset;
} rows[TXN_COUNTERS] = {
    ROW("servers", servers),
    ROW("clients", clients),
    ROW("servers_total", servers_total),
    ROW("clients_total", clients_total),
    ROW("retransmissions_in", retransmissions_in),
    ROW("retransmissions_out", retransmissions_out),
    ROW("timeouts", timeouts),
    ROW("merged", merged),
    ROW("bytes", bytes),
};

#undef ROW

enum err txn_counters_make(struct server *server)
{
    for (size_t i = 0; i < TXN_COUNTERS; i++) {
        enum err err = server_counter(server, "txn", rows[i].name, &server->txn_count[i]);
        if (err)
            return err;
    }
    return ERR_NONE;
}

void txn_counters_tell(struct worker *worker)
{
    const char *counters = (const char *)txn_read_counters(worker->txns);

    for (size_t i = 0; i < TXN_COUNTERS; i++) {
        uint64_t value;

        memcpy(&value, counters + rows[i].offset, sizeof value);
        if (value == worker->txn_told[i])
            continue;
        counter_add(worker->server->txn_count[i], (int64_t)(value - worker->txn_told[i]));
        worker->txn_told[i] = value;
    }
}
