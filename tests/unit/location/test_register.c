/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>
#include <string.h>

/*
 * The rules of RFC 3261 §10.3, as rows: a history of requests, and what the last of them does. A
 * request is a line "call-id cseq time options contact…"; a contact is "uri[|i=instance][|r=reg-id]
 * [|q=q][|e=expires]". The bindings are those after the last request, by URI, in order.
 */
struct row {
    const char *what;
    const char *requests[4];
    enum err err;
    enum location_result result;
    const char *bindings; /* "uri uri …" */
};

static const struct row rows[] = {
    { "a new binding", { "c 1 0 - sip:a@h" }, ERR_NONE, LOCATION_INSERTED, "sip:a@h" },
    { "nothing to list", { "c 1 0 -" }, ERR_NONE, LOCATION_LISTED, "" },
    { "a query lists and changes nothing",
      { "c 1 0 - sip:a@h", "c 2 1 -" },
      ERR_NONE,
      LOCATION_LISTED,
      "sip:a@h" },
    { "a refresh",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "a refresh under another Call-ID",
      { "c 5 0 - sip:a@h", "d 1 1 - sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "the same URI in other words",
      { "c 1 0 - sip:a@h;x=1", "c 2 1 - sip:%61@H" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:%61@H" },
    { "another port is another URI",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:a@h:5060" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h:5060" },
    { "expires 0 removes",
      { "c 1 0 - sip:a@h sip:b@h", "c 2 1 - sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "sip:b@h" },
    { "removing the last one",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },
    { "removing what is not there",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:b@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "sip:a@h" },
    { "removal under another Call-ID",
      { "c 5 0 - sip:a@h", "d 1 1 - sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },
    { "one added, one removed",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:a@h|e=0 sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h" },

    { "CSeq too low", { "c 5 0 - sip:a@h", "c 4 1 - sip:a@h" }, ERR_NOT_NOW, 0, "sip:a@h" },
    { "a low CSeq removes nothing",
      { "c 5 0 - sip:a@h", "c 4 1 - sip:a@h|e=0" },
      ERR_NOT_NOW,
      0,
      "sip:a@h" },
    { "a low CSeq for one contact stops all",
      { "c 5 0 - sip:a@h", "c 4 1 - sip:b@h sip:a@h" },
      ERR_NOT_NOW,
      0,
      "sip:a@h" },
    { "the same CSeq at once is a retransmission",
      { "c 5 0 - sip:a@h", "c 5 19 - sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "the same CSeq late is an error",
      { "c 5 0 - sip:a@h", "c 5 20 - sip:a@h" },
      ERR_NOT_NOW,
      0,
      "sip:a@h" },
    { "the same CSeq, no delay granted",
      { "c 5 0 - sip:a@h", "c 5 0 d sip:a@h" },
      ERR_NOT_NOW,
      0,
      "sip:a@h" },
    { "a retransmission does not remove",
      { "c 5 0 - sip:a@h", "c 5 1 - sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "the order of a removed binding is forgotten",
      { "c 5 0 - sip:a@h", "c 6 1 - sip:a@h|e=0", "c 1 2 - sip:a@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h" },
    { "the order of an expired binding is forgotten",
      { "c 5 0 - sip:a@h|e=10", "c 1 10 - sip:a@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h" },

    { "the star removes all",
      { "c 1 0 - sip:a@h sip:b@h", "c 2 1 *" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },
    { "the star under another Call-ID",
      { "c 5 0 - sip:a@h", "d 1 1 *" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },
    { "the star and an older CSeq",
      { "d 1 0 - sip:a@h", "c 5 1 - sip:b@h", "c 4 2 *" },
      ERR_NOT_NOW,
      0,
      "sip:a@h sip:b@h" },
    { "the star and the same CSeq", { "c 5 0 - sip:a@h", "c 5 1 *" }, ERR_NOT_NOW, 0, "sip:a@h" },
    { "the star where nothing is", { "c 1 0 *" }, ERR_NONE, LOCATION_REMOVED, "" },

    { "as many contacts as allowed",
      { "c 1 0 2 sip:a@h", "c 2 1 2 sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:b@h" },
    { "one contact too many",
      { "c 1 0 2 sip:a@h sip:b@h", "c 2 1 2 sip:c@h" },
      ERR_LIMIT,
      0,
      "sip:a@h sip:b@h" },
    { "too many at once touch nothing",
      { "c 1 0 2 sip:a@h", "c 2 1 2 sip:a@h|q=5 sip:b@h sip:c@h" },
      ERR_LIMIT,
      0,
      "sip:a@h" },
    { "a place is free when one goes",
      { "c 1 0 2 sip:a@h sip:b@h", "c 2 1 2 sip:c@h sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h sip:c@h" },
    { "an expired one takes no place",
      { "c 1 0 1 sip:a@h|e=10", "c 2 10 1 sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h" },
    { "refreshing above a limit that was lowered",
      { "c 1 0 - sip:a@h sip:b@h", "c 2 1 1 sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h sip:b@h" },

    { "only these contacts",
      { "c 1 0 - sip:a@h sip:b@h", "d 1 1 k sip:c@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:c@h" },
    { "only these contacts, and one of them was there",
      { "c 1 0 - sip:a@h sip:b@h", "c 2 1 k sip:b@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:b@h" },
    { "only one contact, and the limit is one",
      { "c 1 0 - sip:a@h", "d 1 1 k1 sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h" },
    { "removing one does not replace the others",
      { "c 1 0 - sip:a@h", "d 1 1 k sip:b@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "sip:a@h" },
    { "a query replaces nothing",
      { "c 1 0 - sip:a@h", "d 1 1 k" },
      ERR_NONE,
      LOCATION_LISTED,
      "sip:a@h" },

    { "an instance that moves",
      { "c 1 0 - sip:a@h1|i=x", "d 1 1 - sip:a@h2|i=x" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h2" },
    { "two instances with one URI",
      { "c 1 0 - sip:a@h|i=x", "d 1 1 - sip:a@h|i=y" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h" },
    { "two flows of one instance with one URI",
      { "c 1 0 - sip:a@h|i=x|r=1", "d 1 1 - sip:a@h|i=x|r=2" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h" },
    { "the flow of the same reg-id is replaced",
      { "c 1 0 - sip:a@h1|i=x|r=1 sip:a@h1|i=x|r=2", "d 1 1 - sip:a@h2|i=x|r=2" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h1 sip:a@h2" },
    { "an instance takes over a binding without one",
      { "c 1 0 - sip:a@h", "d 1 1 - sip:a@h|i=x" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "the URI alone finds a binding with an instance",
      { "c 1 0 - sip:a@h|i=x", "d 1 1 - sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },
    { "an instance with two URIs keeps both",
      { "c 1 0 - sip:a@h|i=x sips:a@h|i=x", "c 2 1 - sips:a@h|i=x sip:a@h|i=x" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h sips:a@h" },

    { "the last of equal contacts counts",
      { "c 1 0 - sip:a@h|q=5 sip:a@h|q=7" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h" },
    { "equal contacts count once",
      { "c 1 0 1 sip:a@h sip:a@H" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@H" },
    { "added and removed at once",
      { "c 1 0 - sip:a@h sip:a@h|e=0" },
      ERR_NONE,
      LOCATION_REMOVED,
      "" },

    { "the highest q is first",
      { "c 1 0 - sip:a@h|q=100 sip:b@h|q=900", "c 2 1 - sip:c@h|q=500 sip:d@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h sip:c@h sip:a@h sip:d@h" },
    { "contacts of one request keep their order",
      { "c 1 0 - sip:a@h sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:b@h" },
    { "among equals the newest is first",
      { "c 1 0 - sip:a@h", "c 2 1 - sip:b@h", "c 3 2 - sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h sip:b@h" },

    { "by URI and Call-ID: another call is another binding",
      { "c 1 0 m1 sip:a@h", "d 1 1 m1 sip:a@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h" },
    { "by URI and Call-ID: the same call refreshes",
      { "c 1 0 m1 sip:a@h", "c 2 1 m1 sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "by URI and Path: another path is another binding",
      { "c 1 0 m2 sip:a@h", "d 1 1 m2p sip:a@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h" },
    { "by URI and Path: the same path refreshes",
      { "c 1 0 m2p sip:a@h", "d 1 1 m2p sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "by Call-ID: the contact may move",
      { "c 1 0 m3 sip:a@h1", "c 2 1 m3 sip:a@h2" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h2" },
    { "by Call-ID: another call with the same URI",
      { "c 1 0 m3 sip:a@h", "d 1 1 m3 sip:a@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h sip:a@h" },

    { "a client that moved takes its binding along",
      { "c 1 0 v sip:a@h1", "c 2 1 vf sip:a@h2" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h2" },
    { "a client that did not move has two contacts",
      { "c 1 0 v sip:a@h1", "c 2 1 v sip:a@h2" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h1 sip:a@h2" },
    { "another call is another client",
      { "c 1 0 v sip:a@h1", "d 2 1 vf sip:a@h2" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:a@h1 sip:a@h2" },
    { "an old request moves nothing",
      { "c 3 0 v sip:a@h1", "c 2 1 vf sip:a@h2" },
      ERR_NOT_NOW,
      0,
      "sip:a@h1" },

    { "no room for another binding", { "c 1 0 - sip:a@h", "d 1 1 t sip:b@h" }, ERR_EXHAUSTED, 0,
      "sip:a@h" },
    { "a full house still takes refreshes",
      { "c 1 0 - sip:a@h", "c 2 1 t sip:a@h" },
      ERR_NONE,
      LOCATION_UPDATED,
      "sip:a@h" },
    { "in a full house one goes as another comes",
      { "c 1 0 - sip:a@h", "c 2 1 t sip:a@h|e=0 sip:b@h" },
      ERR_NONE,
      LOCATION_INSERTED,
      "sip:b@h" },

    { "no URI is equal to itself",
      { "c 1 0 - nonsense", "c 2 1 - nonsense" },
      ERR_NONE,
      LOCATION_UPDATED,
      "nonsense" },
};

/* --- reading rows --- */

/* Options stand behind '|', so that the URI may have parameters. */
static void read_contact(char *text, struct location_contact *out)
{
    char *end;
    char *part = strtok_r(text, "|", &end);

    *out = contact_of(part, 3600);
    while ((part = strtok_r(NULL, "|", &end))) {
        if (part[0] == 'i')
            out->instance = str_of(part + 2);
        if (part[0] == 'r')
            out->reg_id = (uint32_t)atoi(part + 2);
        if (part[0] == 'q')
            out->q = atoi(part + 2);
        if (part[0] == 'e')
            out->expires = (uint32_t)atoi(part + 2);
    }
}

static void read_options(const char *text, struct location_update *update)
{
    for (; *text; text++) {
        if (*text == '*')
            update->removes_all = true;
        if (*text == 'k')
            update->keeps_only_these = true;
        if (*text == 'd')
            update->cseq_delay = 0;
        if (*text == 'v')
            update->replaces_moved = true;
        if (*text == 'f')
            update->flow = flow_from(6060);
        if (*text == 't')
            update->bindings_max = 1;
        if (*text == 'p')
            update->path = STR("<sip:edge;lr>");
        if (*text == 'm')
            update->match = (enum location_match)(*++text - '0');
        else if (*text >= '1' && *text <= '9')
            update->contacts_max = (unsigned)(*text - '0');
    }
}

static enum err run_request(struct rig *rig, const char *text)
{
    char line[200];
    char *end;
    char *part;
    struct location_contact contacts[8];
    struct location_update update = update_of(contacts, 0);

    snprintf(line, sizeof line, "%s", text);
    update.call_id = str_of(strtok_r(line, " ", &end));
    update.cseq = (uint32_t)atoi(strtok_r(NULL, " ", &end));
    update.now += (msec)atoi(strtok_r(NULL, " ", &end)) * 1000;
    read_options(strtok_r(NULL, " ", &end), &update);
    while ((part = strtok_r(NULL, " ", &end)))
        read_contact(part, &contacts[update.contact_count++]);
    return rig_register(rig, &update);
}

static void list_bindings(const struct rig *rig, char *text, size_t size)
{
    struct writer w = writer_over(text, size - 1);

    for (unsigned i = 0; i < rig->count; i++) {
        if (i)
            write_char(&w, ' ');
        write_str(&w, rig->bindings[i].contact);
    }
    *w.at = '\0';
}

static void run_row(const struct row *row)
{
    struct rig rig;
    char found[200];
    enum err err = ERR_NONE;
    unsigned i = 0;

    rig_init(&rig);
    for (; i < 4 && row->requests[i]; i++) {
        assert_int_equal(err, ERR_NONE);
        err = run_request(&rig, row->requests[i]);
    }
    assert_int_equal(err, row->err);
    if (!err) {
        assert_int_equal(rig.result, row->result);
        list_bindings(&rig, found, sizeof found);
        assert_string_equal(found, row->bindings);
    }
    (void)!rig_find(&rig, 1030000);
    list_bindings(&rig, found, sizeof found);
    assert_string_equal(found, row->bindings);
    rig_fini(&rig);
}

static void test_rules_of_registration(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].what);
        run_row(&rows[i]);
    }
}

/* --- single cases --- */

static void test_binding_carries_what_was_registered(void **state)
{
    struct location_contact contact = { .uri = STR("sip:a@10.0.0.1"),
                                        .instance = STR("<urn:uuid:1>"),
                                        .reg_id = 3,
                                        .q = 250,
                                        .expires = 60 };
    struct location_update update = update_of(&contact, 1);
    struct rig rig;

    (void)state;
    rig_init(&rig);
    update.received = STR("sip:198.51.100.1:1024");
    update.path = STR("<sip:edge;lr>");
    update.flags = 5;
    update.cflags = 6;
    update.methods = 7;
    update.cseq = 8;
    update.flow = flow_from(1024);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    for (unsigned pass = 0; pass < 2; pass++) {
        const struct binding *b = &rig.bindings[0];

        assert_int_equal(rig.count, 1);
        assert_true(str_eq(b->table, STR("location")));
        assert_true(str_eq(b->aor, update.aor));
        assert_true(str_eq(b->contact, contact.uri));
        assert_true(str_eq(b->instance, contact.instance));
        assert_true(str_eq(b->received, update.received));
        assert_true(str_eq(b->path, update.path));
        assert_true(str_eq(b->call_id, update.call_id));
        assert_true(str_eq(b->user_agent, update.user_agent));
        assert_int_equal(b->ruid.len, 16);
        assert_int_equal(b->cseq, 8);
        assert_int_equal(b->flags, 5);
        assert_int_equal(b->cflags, 6);
        assert_int_equal(b->methods, 7);
        assert_int_equal(b->reg_id, 3);
        assert_int_equal(b->q, 250);
        assert_int_equal(b->expires_at, update.now + 60000);
        assert_int_equal(b->updated_at, update.now);
        assert_true(flow_eq(&b->flow, &update.flow));
        assert_int_equal(rig_find(&rig, update.now), ERR_NONE);
    }
    rig_fini(&rig);
}

static void test_refresh_keeps_the_ruid_and_moves_the_flow(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact, 1);
    struct rig rig;
    struct str ruid;

    (void)state;
    rig_init(&rig);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    ruid = rig.bindings[0].ruid;
    update.cseq++;
    update.flow = flow_from(2048);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    assert_true(str_eq(rig.bindings[0].ruid, ruid));
    assert_int_equal(rig.bindings[0].flow.peer.port, 2048);
    assert_int_equal(location_remove_ruid(rig.location, ruid), ERR_NONE);
    assert_int_equal(location_remove_ruid(rig.location, ruid), ERR_NOT_FOUND);
    assert_int_equal(rig_find(&rig, update.now), ERR_NOT_FOUND);
    rig_fini(&rig);
}

static void test_tables_are_apart(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact, 1);
    struct rig rig;

    (void)state;
    rig_init(&rig);
    update.table = STR("aliases");
    assert_int_equal(rig_find(&rig, update.now), ERR_NOT_FOUND);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    assert_int_equal(rig_find(&rig, update.now), ERR_NOT_FOUND);
    assert_int_equal(location_find(rig.location, STR("aliases"), update.aor, update.now, &rig.arena,
                                   &rig.bindings, &rig.count),
                     ERR_NONE);
    assert_int_equal(location_remove(rig.location, STR("location"), update.aor), ERR_NOT_FOUND);
    assert_int_equal(location_remove(rig.location, STR("aliases"), update.aor), ERR_NONE);
    assert_int_equal(location_remove(rig.location, STR("aliases"), update.aor), ERR_NOT_FOUND);
    rig_fini(&rig);
}

static void test_too_long_a_text_is_refused(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact, 1);
    struct str huge = { calloc(1, 70000), 70000 };
    struct location_counters counters;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    update.user_agent = huge;
    assert_int_equal(rig_register(&rig, &update), ERR_LIMIT);
    update.user_agent = STR("");
    update.aor = huge;
    assert_int_equal(rig_register(&rig, &update), ERR_LIMIT);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.aors, 0);
    assert_int_equal(counters.bindings, 0);
    free((char *)(uintptr_t)huge.ptr);
    rig_fini(&rig);
}

static void test_arena_at_its_limit_changes_nothing(void **state)
{
    struct location_contact contacts[] = { contact_of("sip:a@h", 60), contact_of("sip:b@h", 60) };
    struct location_update update = update_of(contacts, 1);
    struct rig rig;
    enum err err = ERR_NOMEM;

    (void)state;
    rig_init(&rig);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    update.cseq++;
    update.contact_count = 2;
    for (size_t limit = 0; err; limit += 16) {
        struct arena tight;
        struct binding *bindings;
        unsigned count;

        arena_init(&tight, NULL, limit);
        err = location_register(rig.location, &update, &tight, &rig.result, &bindings, &count);
        assert_true(!err || err == ERR_NOMEM);
        assert_int_equal(rig_find(&rig, update.now), ERR_NONE);
        assert_int_equal(rig.count, err ? 1 : 2);
        assert_int_equal(rig.bindings[0].cseq, err ? 1 : 2);
        arena_fini(&tight);
    }
    rig_fini(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_registration),
        cmocka_unit_test(test_binding_carries_what_was_registered),
        cmocka_unit_test(test_refresh_keeps_the_ruid_and_moves_the_flow),
        cmocka_unit_test(test_tables_are_apart),
        cmocka_unit_test(test_too_long_a_text_is_refused),
        cmocka_unit_test(test_arena_at_its_limit_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
