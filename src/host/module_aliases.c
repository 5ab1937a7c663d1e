/* SPDX-License-Identifier: Apache-2.0 */
/* Modules of OpenSER and Kamailio that need no loading here: what they do is part of the server. */
#include "host/core.h"

#define DATABASE "databases are chosen by URL; the drivers are part of the server"
#define CONTROL "use culvertctl, or the JSON-RPC of the control socket"
#define CORE "its functions and variables are always there"
#define IN_TM "its functions are part of tm"
#define NO_NEED "nothing needs it here"

static const struct {
    const char *name;
    const char *notice;
} rows[] = {
    { "mysql", DATABASE },
    { "postgres", DATABASE },
    { "dbtext", DATABASE },
    { "unixodbc", DATABASE },
    { "flatstore", DATABASE },
    { "db_mysql", DATABASE },
    { "db_postgres", DATABASE },
    { "db_sqlite", DATABASE },
    { "db_text", DATABASE },
    { "db_unixodbc", DATABASE },
    { "db_berkeley", DATABASE },
    { "db_cluster", DATABASE },
    { "db_flatstore", DATABASE },
    { "mi_fifo", CONTROL },
    { "mi_datagram", CONTROL },
    { "mi_xmlrpc", CONTROL },
    { "ctl", CONTROL },
    { "cfg_rpc", CONTROL },
    { "jsonrpcs", CONTROL },
    { "xmlrpc", CONTROL },
    { "snmpstats", CONTROL },
    { "kex", CORE },
    { "tmx", IN_TM },
    { "debugger", NO_NEED },
    { "stun", "keepalives of clients are answered without it" },
};

const char *module_notice(struct str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(name, str_of(rows[i].name)))
            return rows[i].notice;
    }
    return NULL;
}
