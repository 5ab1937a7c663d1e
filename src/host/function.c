/* SPDX-License-Identifier: Apache-2.0 */
/* Script functions that modules call. */
#include "host/host.h"

static bool takes_texts(const struct mod_function *row, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (row->takes[i] != ARG_FMT && row->takes[i] != ARG_STR)
            return false;
    return count >= row->min_args;
}

static const struct mod_function *find(const struct module *module, struct str name, unsigned count)
{
    for (const struct mod_function *row = module->desc->functions; row && row->name; row++)
        if (str_eq(str_of(row->name), name) && takes_texts(row, count))
            return row;
    return NULL;
}

enum err run_function(struct run *run, struct str name, const struct str *texts, unsigned count,
                      enum verdict *out)
{
    const struct server *server = run->worker->server;
    struct arg args[ARGS_MAX] = { 0 };

    for (unsigned i = 0; i < count && i < ARGS_MAX; i++)
        args[i].value = value_of_str(texts[i]);
    for (unsigned i = 0; i < server->module_count && count <= ARGS_MAX; i++) {
        const struct mod_function *row = find(server->modules[i], name, count);
        struct call call = { run, server->modules[i], args, count };

        if (!row)
            continue;
        *out = row->run(&call);
        return ERR_NONE;
    }
    return ERR_NOT_FOUND;
}
