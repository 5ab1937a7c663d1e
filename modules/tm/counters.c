/* SPDX-License-Identifier: Apache-2.0 */
/* How transactions end, under the names of tm's statistics. */
#include "tm.h"

static const char *const names[] = {
    [2] = "2xx_transactions", [3] = "3xx_transactions", [4] = "4xx_transactions",
    [5] = "5xx_transactions", [6] = "6xx_transactions",
};

enum err tm_make_counters(struct module *module)
{
    struct tm_state *tm = module_state(module);

    for (unsigned class = 2; class < sizeof names / sizeof names[0]; class ++) {
        enum err err =
            server_counter(module_server(module), "tm", names[class], &tm->finals[class]);

        if (err)
            return err;
    }
    return ERR_NONE;
}

void tm_count_final(struct module *module, struct run *run, unsigned status, struct str reason,
                    const struct sip_msg *response)
{
    const struct tm_state *tm = module_state(module);

    (void)run;
    (void)reason;
    (void)response;
    if (status >= 200 && status < 700)
        counter_add(tm->finals[status / 100], 1);
}
