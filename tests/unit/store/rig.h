/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A store in a folder of its own, which is gone afterwards, and the log lines that were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <culvert/log.h>
#include <culvert/store.h>

#include "store/store_internal.h"

struct rig {
    char folder[32];
    char path[64];
    char url[80];
    struct store *store;
};

static char last_log[4096];

static inline void keep_log(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    snprintf(last_log, sizeof last_log, "%s", line);
}

static inline void rig_init(struct rig *rig)
{
    *rig = (struct rig){ .folder = "/tmp/culvert-store-XXXXXX" };
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->path, sizeof rig->path, "%s/culvert.db", rig->folder);
    snprintf(rig->url, sizeof rig->url, "sqlite://%s", rig->path);
    store_set_embedded_path(rig->path);
    last_log[0] = '\0';
    log_set_sink(keep_log);
}

static inline void rig_open(struct rig *rig)
{
    assert_int_equal(store_open(STR(""), &rig->store), ERR_NONE);
}

static inline void rig_close(struct rig *rig)
{
    store_close(rig->store);
    rig->store = NULL;
}

static inline void rig_fini(struct rig *rig)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    char path[80];

    rig_close(rig);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", rig->path, suffixes[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(rig->folder), 0);
    log_set_sink(NULL);
}

/* The first column of the first row, as a number. */
static inline void keep_number(void *context, const struct store_result *result)
{
    int64_t *number = context;

    *number = result->row_count ? result->rows[0].columns[0].number : -1;
}

static inline int64_t rig_number(struct rig *rig, const char *sql)
{
    int64_t number = -1;

    assert_int_equal(store_run(rig->store, str_of(sql), NULL, 0, keep_number, &number), ERR_NONE);
    return number;
}

static inline enum err rig_run(struct rig *rig, const char *sql)
{
    return store_run(rig->store, str_of(sql), NULL, 0, NULL, NULL);
}
