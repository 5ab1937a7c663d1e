/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts to try the server with, made at the first start. */
#include "auth_db.h"

#include <culvert/digest.h>
#include <culvert/server.h>
#include <culvert/writer.h>

#include <stdio.h>

enum {
    PASSWORD_LENGTH = 10,
    NAME_MAX_BYTES = 512,
};

static const char *const names[] = { "alice", "bob",  "carol", "dave", "erin",
                                     "frank", "grace", "heidi", "ivan", "judy" };

static void count_rows(void *context, const struct store_result *result)
{
    int64_t *count = context;

    *count = result->err || result->row_count == 0 ? -1 : result->rows[0].columns[0].number;
}

/* Letters and digits that cannot be mistaken for each other on a phone's small screen. */
static void make_password(struct random_source *random, char password[static PASSWORD_LENGTH])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";

    for (unsigned i = 0; i < PASSWORD_LENGTH; i++)
        password[i] = letters[random_below(random, sizeof letters - 1)];
}

/* The address to type: what is advertised, else the first one that is not loopback. */
static struct str server_address(struct module *module)
{
    unsigned count;
    const struct listener *listeners = server_listeners(module_server(module), &count);
    struct str best = { 0 };

    for (unsigned i = 0; i < count; i++) {
        struct str transport, address;
        if (!str_is_empty(listeners[i].advertised_host))
            return listeners[i].advertised_host;
        if (!str_split(listeners[i].name, ':', &transport, &address))
            continue;
        if (str_is_empty(best))
            best = address;
        if (addr_classify(&listeners[i].bound) != ADDR_LOOPBACK)
            return address;
    }
    return best;
}

static struct str join(struct writer *w, struct str user, struct str domain)
{
    write_fmt(w, STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(domain));
    return writer_text(w);
}

/* The password itself is kept only where a server reads it. */
static enum err add_account(const struct auth_db *auth_db, struct str name, struct str domain,
                            struct str password)
{
    const struct account_table table = accounts_of(auth_db);
    const struct digest_algorithm *md5 = digest_algorithm_find(STR("MD5"));
    char buffer[NAME_MAX_BYTES];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct digest_hex ha1, ha1b, sha;

    if (!digest_ha1(md5, name, domain, password, &ha1) ||
        !digest_ha1(md5, join(&w, name, domain), domain, password, &ha1b) ||
        !digest_ha1(digest_algorithm_find(STR("SHA-256")), name, domain, password, &sha))
        return ERR_EXHAUSTED;
    return account_write(&table, &(struct account_row){
        .keys = { name, domain },
        .values = { digest_str(&ha1), digest_str(&ha1b), digest_str(&sha),
                    auth_db->calculate_ha1 ? password : STR("") },
    });
}

enum err demo_accounts_make(struct module *module, const struct auth_db *auth_db)
{
    struct str address = server_address(module);
    int64_t count = -1;
    enum err err = store_run(auth_db->store, STR("SELECT COUNT(*) FROM subscriber"), NULL, 0,
                             count_rows, &count);

    if (err || count != 0)
        return err;
    printf("\nTwo phones can be tried at once. Type into each:\n"
           "  server (domain, registrar)  " STR_FMT "   UDP or TCP\n", STR_ARG(address));
    for (int64_t i = 0; i < auth_db->demo_accounts && !err; i++) {
        char password[PASSWORD_LENGTH];

        make_password(server_random(module_server(module)), password);
        err = add_account(auth_db, str_of(names[i]), address,
                          (struct str){ password, PASSWORD_LENGTH });
        printf("  user  %-8s password  %.*s\n", names[i], PASSWORD_LENGTH, password);
    }
    printf("Then let %s call %s. The passwords are shown only now.\n\n",
           names[0], names[1]);
    fflush(stdout);
    return err;
}
