/* SPDX-License-Identifier: Apache-2.0 */
/* The stage: who is there, what the network does, and what must hold in the end. */
#include "support/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/reload.h"
#include "support/simnat.h"

/* ---- small things ---- */

bool scene_fail(struct scene *scene, const char *format, ...)
{
    va_list args;

    if (scene->has_failed)
        return false;
    scene->has_failed = true;
    fprintf(stderr, "%s:%u: ", scene->file->path, scene->now ? scene->now->line : 0);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    return false;
}

const char *scene_text(struct scene *scene, struct str text)
{
    char *copy = arena_alloc(&scene->arena, text.len + 1);

    if (!copy)
        abort();
    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    copy[text.len] = '\0';
    return copy;
}

struct str take_word(struct str *rest)
{
    struct str line = str_trim(*rest);
    size_t length = 0;

    while (length < line.len && line.ptr[length] != ' ' && line.ptr[length] != '\t')
        length++;
    *rest = str_skip(line, length);
    return (struct str){ line.ptr, length };
}

bool read_time(struct str text, msec *out)
{
    static const struct {
        struct str unit;
        msec length;
    } rows[] = {
        { STR_INIT("ms"), 1 },
        { STR_INIT("s"), 1000 },
        { STR_INIT("m"), 60000 },
        { STR_INIT("h"), 3600000 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str number = text;
        uint64_t count;

        if (text.len <= rows[i].unit.len ||
            !str_eq(str_skip(text, text.len - rows[i].unit.len), rows[i].unit))
            continue;
        number.len -= rows[i].unit.len;
        if (str_to_uint(number, 0, 1000000000, &count))
            continue;
        *out = count * rows[i].length;
        return true;
    }
    return false;
}

struct str scene_expand(struct scene *scene, struct str text)
{
    for (unsigned i = 0; i < scene->variable_count; i++) {
        const struct variable *variable = &scene->variables[i];
        const char *at = str_find(text, str_of(variable->name));

        if (at && str_print(&scene->arena, &text, "%.*s" STR_FMT STR_FMT, (int)(at - text.ptr),
                            text.ptr, STR_ARG(variable->value),
                            STR_ARG(str_between(at + strlen(variable->name), text.ptr + text.len))))
            abort();
    }
    return text;
}

struct phone *scene_find_phone(struct scene *scene, struct str name)
{
    for (unsigned i = 0; i < scene->phone_count; i++)
        if (str_eq(str_of(scene->phones[i].name), name))
            return &scene->phones[i];
    scene_fail(scene, "nobody is called \"" STR_FMT "\"", STR_ARG(name));
    return NULL;
}

static struct sim_nat *find_nat(struct scene *scene, struct str name)
{
    for (unsigned i = 0; i < scene->nat_count; i++)
        if (str_eq(str_of(scene->nats[i].name), name))
            return &scene->nats[i];
    scene_fail(scene, "there is no nat \"" STR_FMT "\"", STR_ARG(name));
    return NULL;
}

/* ---- the world ---- */

static bool loses(void *context, const struct sim_host *from, const struct sim_host *to,
                  struct str bytes)
{
    struct scene *scene = context;
    struct siptext text;

    if (siptext_read(bytes, &text))
        text = (struct siptext){ 0 };
    for (unsigned i = 0; i < scene->drop_count; i++) {
        struct drop_rule *rule = &scene->drops[i];

        if (rule->count == 0 || strcmp(rule->from, from->name) != 0 ||
            strcmp(rule->to, to->name) != 0 ||
            (rule->what[0] && !is_message(&text, str_of(rule->what))))
            continue;
        rule->count--;
        return true;
    }
    return false;
}

static bool open_world(struct scene *scene)
{
    if (scene->world)
        return true;
    if (scene->config.len == 0)
        return scene_fail(scene, "a scene begins with its config");
    scene->options.script = scene->config;
    scene->options.is_talkative = scene->is_verbose;
    scene->world = world_create(&scene->options);
    if (!scene->world)
        return scene_fail(scene, "the server does not start");
    scene->begun = scene->marked = world_now(scene->world);
    scene->world->net.watch = ladder_watch;
    scene->world->net.loses = loses;
    scene->world->net.context = scene;
    return true;
}

static bool read_config_file(struct scene *scene, struct str name)
{
    char path[512];
    FILE *file;
    char *bytes;
    size_t length;

    snprintf(path, sizeof path, "%s/" STR_FMT ".cfg", CONFIG_FOLDER, STR_ARG(name));
    file = fopen(path, "rb");
    if (!file)
        return scene_fail(scene, "there is no configuration %s", path);
    bytes = arena_alloc(&scene->arena, 1 << 18);
    if (!bytes)
        abort();
    length = fread(bytes, 1, 1 << 18, file);
    fclose(file);
    scene->config = (struct str){ bytes, length };
    return true;
}

/* "config { … }", "config automatic", "config automatic {" with more lines for its end. */
static bool do_config(struct scene *scene, struct str rest)
{
    struct str name = take_word(&rest);
    const struct statement *now = scene->now;

    if (!str_eq(name, STR("{"))) {
        scene->options.script_path = scene_text(scene, name);
        if (!read_config_file(scene, name))
            return false;
    } else {
        scene->options.script_path = scene->file->path;
    }
    if (now->note_count > 0 && str_print(&scene->arena, &scene->config, STR_FMT "\n" STR_FMT,
                                         STR_ARG(scene->config), STR_ARG(now->notes[0])))
        abort();
    return true;
}

static bool read_percent(struct str text, unsigned *out)
{
    uint64_t number;

    if (text.len < 2 || text.ptr[text.len - 1] != '%')
        return false;
    text.len--;
    if (str_to_uint(text, 0, 100, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

/* link latency 20ms loss 10% duplicates 5% reorder 10% */
static bool do_link(struct scene *scene, struct str rest)
{
    struct sim_link link = scene->world ? scene->world->net.link : scene->options.link;
    struct str word;

    while (!str_is_empty(word = take_word(&rest))) {
        struct str value = take_word(&rest);
        bool is_fine = str_eq(word, STR("latency"))      ? read_time(value, &link.latency)
                       : str_eq(word, STR("loss"))       ? read_percent(value, &link.loss)
                       : str_eq(word, STR("duplicates")) ? read_percent(value, &link.duplicates)
                       : str_eq(word, STR("reorder"))    ? read_percent(value, &link.reorder)
                                                         : false;
        if (!is_fine)
            return scene_fail(scene, "link: \"" STR_FMT "\"?", STR_ARG(word));
    }
    scene->options.link = link;
    if (scene->world)
        scene->world->net.link = link;
    return true;
}

static bool do_number(struct scene *scene, struct str rest, unsigned *out)
{
    uint64_t number;

    if (str_to_uint(str_trim(rest), 0, 1000000, &number))
        return scene_fail(scene, "a number is missing");
    *out = (unsigned)number;
    return true;
}

static bool do_workers(struct scene *scene, struct str rest)
{
    return do_number(scene, rest, &scene->options.workers);
}

static bool do_seed(struct scene *scene, struct str rest)
{
    unsigned seed = 0;
    bool is_fine = do_number(scene, rest, &seed);

    scene->options.seed = seed;
    return is_fine;
}

/* store 3s: every statement takes that long from now on */
static bool do_store(struct scene *scene, struct str rest)
{
    scene->options.has_slow_store = true;
    if (!read_time(str_trim(rest), &scene->options.store_delay))
        return scene_fail(scene, "store: how long?");
    if (scene->world)
        scene->world->options.store_delay = scene->options.store_delay;
    return true;
}

static bool do_names(struct scene *scene, struct str rest)
{
    if (!open_world(scene))
        return false;
    scene->world->has_slow_names = true;
    return read_time(str_trim(rest), &scene->world->names_delay)
               ? true
               : scene_fail(scene, "names: how long?");
}

/* command WORD TIME STATUS what it prints */
static bool do_command(struct scene *scene, struct str rest)
{
    struct world_command command = { .status = 0 };
    struct str word = take_word(&rest), time = take_word(&rest), status = take_word(&rest);
    uint64_t number;

    rest = str_trim(rest);
    if (!open_world(scene))
        return false;
    if (word.len >= sizeof command.word || rest.len >= sizeof command.output || !read_time(time, &command.delay) ||
        str_to_uint(status, 0, 255, &number))
        return scene_fail(scene, "command: a word, how long it takes, its status, and what it prints");
    memcpy(command.word, word.ptr, word.len);
    memcpy(command.output, rest.ptr, rest.len);
    command.status = (int)number;
    world_add_command(scene->world, &command);
    return true;
}

/* example.net 203.0.113.1 2001:db8::1 */
static bool read_addrs(struct world_name *record, struct str rest, struct scene *scene)
{
    struct str word;

    while (!str_is_empty(word = take_word(&rest))) {
        if (addr_parse_ip(word, &record->addr))
            return false;
        record->kind = record->addr.family == ADDR_IPV4 ? DNS_IPV4 : DNS_IPV6;
        world_add_name(scene->world, record);
    }
    return true;
}

static bool read_uint16(struct str *rest, uint16_t *out)
{
    uint64_t number = 0;
    bool is_fine = !str_to_uint(take_word(rest), 0, UINT16_MAX, &number);

    *out = (uint16_t)number;
    return is_fine;
}

static void copy_word(struct str word, char *room, size_t size)
{
    if (word.len >= size)
        abort();
    memcpy(room, word.ptr, word.len);
    room[word.len] = '\0';
}

/* example.net srv udp 10 50 gw.example.net:5070; "." instead of the target: not offered */
static bool read_service(struct world_name *record, struct str rest, struct scene *scene)
{
    struct dns_service *service = &record->service;
    struct str transport = take_word(&rest), target, port = { 0 };
    bool is_tls = str_eq(transport, STR("tls")), is_fine;
    struct str name;

    is_fine = read_uint16(&rest, &service->priority) && read_uint16(&rest, &service->weight);
    target = take_word(&rest);
    if (str_eq(target, STR(".")))
        target = STR("");
    else
        is_fine =
            is_fine && str_split(target, ':', &target, &port) && read_uint16(&port, &service->port);
    copy_word(target, service->target, sizeof service->target);
    if (str_print(&scene->arena, &name, "_%s._" STR_FMT ".%s", is_tls ? "sips" : "sip",
                  STR_ARG(is_tls ? STR("tcp") : transport), record->name))
        abort();
    record->name = scene_text(scene, name);
    record->kind = DNS_SERVICE;
    world_add_name(scene->world, record);
    return is_fine;
}

/* example.net naptr 10 50 s SIP+D2U _sip._udp.example.net */
static bool read_pointer(struct world_name *record, struct str rest, struct scene *scene)
{
    struct dns_pointer *pointer = &record->pointer;
    bool is_fine = read_uint16(&rest, &pointer->order) && read_uint16(&rest, &pointer->preference);
    struct str flag = take_word(&rest);

    pointer->flag = flag.len == 1 ? flag.ptr[0] : '\0';
    copy_word(take_word(&rest), pointer->service, sizeof pointer->service);
    copy_word(take_word(&rest), pointer->replacement, sizeof pointer->replacement);
    record->kind = DNS_POINTER;
    world_add_name(scene->world, record);
    return is_fine;
}

static bool do_name(struct scene *scene, struct str rest)
{
    struct world_name record = { .name = scene_text(scene, take_word(&rest)) };
    struct str after = rest;
    struct str what = take_word(&after);

    if (!open_world(scene))
        return false;
    if (str_eq(what, STR("srv"))     ? read_service(&record, after, scene)
        : str_eq(what, STR("naptr")) ? read_pointer(&record, after, scene)
                                     : read_addrs(&record, rest, scene))
        return true;
    return scene_fail(scene,
                      "write: name example.com 192.0.2.9, … srv udp 10 50 gw.example.com:5060, "
                      "… naptr 10 50 s SIP+D2U _sip._udp.example.com");
}

static bool do_listen(struct scene *scene, struct str rest)
{
    struct str word;

    for (unsigned i = 0; i + 1 < WORLD_LISTENERS_MAX; i++) {
        word = take_word(&rest);
        scene->options.listen[i] = word.len ? scene_text(scene, word) : NULL;
        if (!word.len)
            return true;
    }
    return true;
}

/* nat home 198.51.100.1 symmetric timeout 30s hairpin behind carrier */
static bool do_nat(struct scene *scene, struct str rest)
{
    struct sim_nat *nat = &scene->nats[scene->nat_count];
    struct str word;

    if (!open_world(scene))
        return false;
    *nat = (struct sim_nat){ .kind = NAT_CAREFUL, .keeps_ports = false, .timeout = 60000 };
    nat->name = scene_text(scene, take_word(&rest));
    if (addr_parse_ip(take_word(&rest), &nat->outside))
        return scene_fail(scene, "write: nat NAME ADDRESS KIND");
    while (!str_is_empty(word = take_word(&rest))) {
        if (str_eq(word, STR("open")))
            nat->kind = NAT_OPEN;
        else if (str_eq(word, STR("restricted")))
            nat->kind = NAT_RESTRICTED;
        else if (str_eq(word, STR("careful")))
            nat->kind = NAT_CAREFUL;
        else if (str_eq(word, STR("symmetric")))
            nat->kind = NAT_SYMMETRIC;
        else if (str_eq(word, STR("preserving")))
            nat->keeps_ports = true;
        else if (str_eq(word, STR("hairpin")))
            nat->has_hairpin = true;
        else if (str_eq(word, STR("stern")))
            nat->is_stern = true;
        else if (str_eq(word, STR("timeout")) && read_time(take_word(&rest), &nat->timeout))
            continue;
        else if (str_eq(word, STR("behind")) && (nat->outer = find_nat(scene, take_word(&rest))))
            continue;
        else
            return scene_fail(scene, "nat: \"" STR_FMT "\"?", STR_ARG(word));
    }
    simnet_add_nat(&scene->world->net, nat);
    scene->nat_count++;
    return true;
}

/* No cryptography: a transport of its own, on a port of its own. */
static void take_tls(const struct scene *scene, struct phone_options *options)
{
    const struct world *world = scene->world;

    options->transport = TRANSPORT_TLS;
    for (unsigned i = 0; i < world->server->listener_count; i++)
        if (world->listeners[i].transport == TRANSPORT_TLS)
            options->proxy = world->listeners[i].bound;
}

static bool take_phone_option(struct scene *scene, struct phone_options *options, struct str word,
                              struct str *rest)
{
    uint64_t port;

    if (str_eq(word, STR("behind")))
        return (options->realm = find_nat(scene, take_word(rest))) != NULL;
    if (str_eq(word, STR("as")))
        options->user = scene_text(scene, take_word(rest));
    else if (str_eq(word, STR("of")))
        options->domain = scene_text(scene, take_word(rest));
    else if (str_eq(word, STR("password")))
        options->password = scene_text(scene, take_word(rest));
    else if (str_eq(word, STR("tcp")))
        options->transport = TRANSPORT_TCP;
    else if (str_eq(word, STR("tls")))
        take_tls(scene, options);
    else if (str_eq(word, STR("port")) && !str_to_uint(take_word(rest), 1, 65535, &port))
        options->port = (uint16_t)port;
    else if (str_eq(word, STR("via")) && !addr_parse(take_word(rest), &options->proxy))
        return true;
    else
        return scene_fail(scene, "phone: \"" STR_FMT "\"?", STR_ARG(word));
    return true;
}

/* phone bob-1 10.0.0.3 behind home as bob tcp password secret */
static bool do_phone(struct scene *scene, struct str rest)
{
    struct phone_options options = { .domain = scene->domain, .password = "secret" };
    struct str word;

    if (!open_world(scene))
        return false;
    if (scene->phone_count == SCENE_PHONES_MAX)
        return scene_fail(scene, "too many phones");
    options.name = options.user = scene_text(scene, take_word(&rest));
    options.proxy = scene->world->listeners[0].bound;
    if (addr_parse_ip(take_word(&rest), &options.ip))
        return scene_fail(scene, "write: phone NAME ADDRESS");
    while (!str_is_empty(word = take_word(&rest)))
        if (!take_phone_option(scene, &options, word, &rest))
            return false;
    phone_init(&scene->phones[scene->phone_count++], scene->world, &options);
    return true;
}

/* Before the server runs, or into the running one's database. */
static bool run_sql(struct scene *scene, const char *sql)
{
    unsigned count = 0;

    while (count < WORLD_SQL_MAX && scene->options.sql[count])
        count++;
    if (!scene->world && count < WORLD_SQL_MAX)
        scene->options.sql[count] = sql;
    else if (!scene->world || !world_run_sql(scene->world, sql))
        return scene_fail(scene, "the store refuses: %s", sql);
    return true;
}

/* account alice bob: rows for authentication */
static bool do_account(struct scene *scene, struct str rest)
{
    struct str name, sql;

    while (!str_is_empty(name = take_word(&rest))) {
        if (str_print(&scene->arena, &sql,
                      "INSERT INTO subscriber (username, domain, password) VALUES ('" STR_FMT
                      "', '%s', 'secret')",
                      STR_ARG(name), scene->domain))
            abort();
        if (!run_sql(scene, scene_text(scene, sql)))
            return false;
    }
    return true;
}

static bool do_sql(struct scene *scene, struct str rest)
{
    return run_sql(scene, scene_text(scene, rest));
}

/* domain example.com: the phones' domain from now on */
static bool do_domain(struct scene *scene, struct str rest)
{
    scene->domain = scene_text(scene, str_trim(rest));
    return true;
}

/* drop 2 proxy -> bob INVITE */
static bool do_drop(struct scene *scene, struct str rest)
{
    struct drop_rule *rule = &scene->drops[scene->drop_count++ % 8];
    struct str count = take_word(&rest), from = take_word(&rest), arrow = take_word(&rest);
    struct str to = take_word(&rest), what = take_word(&rest);
    uint64_t number = 1000000;

    if (!str_eq(count, STR("all")) && str_to_uint(count, 1, 1000, &number))
        return scene_fail(scene, "write: drop 2 proxy -> bob INVITE");
    (void)arrow;
    if (scene->drop_count > 8)
        scene->drop_count = 8;
    snprintf(rule->from, sizeof rule->from, STR_FMT, STR_ARG(from));
    snprintf(rule->to, sizeof rule->to, STR_FMT, STR_ARG(to));
    snprintf(rule->what, sizeof rule->what, STR_FMT, STR_ARG(what));
    rule->count = (unsigned)number;
    return true;
}

static bool do_undrop(struct scene *scene, struct str rest)
{
    (void)rest;
    scene->drop_count = 0;
    return true;
}

static bool do_after(struct scene *scene, struct str rest)
{
    msec duration;

    if (!open_world(scene))
        return false;
    if (!read_time(str_trim(rest), &duration))
        return scene_fail(scene, "after what time?");
    world_run_for(scene->world, duration);
    return true;
}

static bool do_restart(struct scene *scene, struct str rest)
{
    (void)rest;
    ladder_note(scene, "(the server starts again)");
    return world_restart(scene->world) ? true : scene_fail(scene, "the server does not start");
}

static bool matches_note(const struct regex *regex, const struct reload_notes *notes)
{
    for (const struct reload_note *note = notes->first; note; note = note->next)
        if (regex_match(regex, note->text, NULL))
            return true;
    return false;
}

/* Something of what the reload has said matches; nothing need when the pattern is empty. */
static bool has_said(const struct reload_report *report, struct str pattern)
{
    struct regex *regex;
    bool has;

    if (str_is_empty(pattern))
        return true;
    if (regex_compile(pattern, REGEX_DEFAULT, &regex, NULL, 0))
        return false;
    has = matches_note(regex, &report->messages) || matches_note(regex, &report->changed) ||
          matches_note(regex, &report->deferred);
    regex_destroy(regex);
    return has;
}

/* reload [fails] [PATTERN] { */
static bool do_reload(struct scene *scene, struct str rest)
{
    struct str pattern = str_trim((struct str){ rest.ptr, rest.len - 1 }), next = pattern;
    bool must_fail = str_eq(take_word(&next), STR("fails")), has_failed, is_fine;
    struct reload_report report;

    ladder_note(scene, "(the script is read again)");
    reload_report_init(&report);
    has_failed = server_reload(scene->world->server, &scene->now->notes[0], &report);
    is_fine = has_failed == must_fail && has_said(&report, must_fail ? str_trim(next) : pattern);
    if (!is_fine) {
        scene_fail(scene, has_failed ? "the reload fails" : "the reload works, or says less");
        for (const struct reload_note *note = report.messages.first; note; note = note->next)
            fprintf(stderr, STR_FMT, STR_ARG(note->text));
    }
    reload_report_fini(&report);
    return is_fine;
}

static bool do_reboot(struct scene *scene, struct str rest)
{
    struct sim_nat *nat = find_nat(scene, str_trim(rest));

    if (!nat)
        return false;
    sim_nat_reboot(&scene->world->net, nat);
    return true;
}

/* registered alice bob */
static bool do_registered(struct scene *scene, struct str rest)
{
    struct str name;

    while (!str_is_empty(name = take_word(&rest))) {
        struct phone *phone = scene_find_phone(scene, name);

        if (!phone || !scene_register(scene, phone))
            return false;
    }
    return true;
}

static bool do_pair(struct scene *scene, struct str rest,
                    bool (*act)(struct scene *, struct phone *, struct phone *))
{
    struct phone *first = scene_find_phone(scene, take_word(&rest));
    struct phone *second = first ? scene_find_phone(scene, take_word(&rest)) : NULL;

    return second && act(scene, first, second);
}

static bool do_call(struct scene *scene, struct str rest)
{
    return do_pair(scene, rest, scene_set_up_call);
}

static bool do_hang_up(struct scene *scene, struct str rest)
{
    return do_pair(scene, rest, scene_end_call);
}

static bool do_nobody(struct scene *scene, struct str rest)
{
    msec duration = 1000;

    if (!str_starts(str_trim(rest), STR("hears anything")))
        return scene_fail(scene, "write: nobody hears anything");
    rest = str_skip(str_trim(rest), 14);
    if (str_eq(take_word(&rest), STR("for")) && !read_time(take_word(&rest), &duration))
        return scene_fail(scene, "for what time?");
    world_run_for(scene->world, duration);
    for (unsigned i = 0; i < scene->phone_count; i++)
        if (!scene_hears_nothing(scene, &scene->phones[i], 0))
            return false;
    return true;
}

static bool do_ends_dirty(struct scene *scene, struct str rest)
{
    (void)rest;
    scene->ends_dirty = true;
    return true;
}

/* ---- expectations of numbers ---- */

static bool find_number(struct scene *scene, struct str what, struct str *rest, int64_t *out)
{
    struct world *world = scene->world;
    struct phone *phone;

    if (str_eq(what, STR("transactions")))
        *out = (int64_t)world_transactions(world);
    else if (str_eq(what, STR("bytes")))
        *out = (int64_t)world_bytes(world);
    else if (str_eq(what, STR("ports")))
        *out = (int64_t)world_media_ports(world);
    else if (str_eq(what, STR("bindings")))
        *out = (int64_t)world_bindings(world);
    else if (str_eq(what, STR("pings")) || str_eq(what, STR("heard")) ||
             str_eq(what, STR("received"))) {
        if (!(phone = scene_find_phone(scene, take_word(rest))))
            return false;
        *out = str_eq(what, STR("pings"))   ? phone->pings
               : str_eq(what, STR("heard")) ? phone->heard_count
                                            : (int64_t)(phone->host.received + phone->host.refused);
    } else if (str_eq(what, STR("counter"))) {
        struct str group, name = take_word(rest);

        if (!str_split(name, '.', &group, &name))
            return scene_fail(scene, "write: expect counter group.name 1");
        *out = world_counter(world, scene_text(scene, group), scene_text(scene, name));
    } else {
        return scene_fail(scene, "expect: \"" STR_FMT "\"?", STR_ARG(what));
    }
    return true;
}

static bool compare(struct str sign, int64_t a, int64_t b)
{
    if (str_eq(sign, STR("<=")))
        return a <= b;
    if (str_eq(sign, STR(">=")))
        return a >= b;
    return a == b;
}

/* expect transactions 2, expect ports <= 4, expect counter core.malformed 1 */
static bool do_expect(struct scene *scene, struct str rest)
{
    struct str what = take_word(&rest), sign, number;
    int64_t is = 0, wanted;

    if (!find_number(scene, what, &rest, &is))
        return false;
    sign = take_word(&rest);
    number = take_word(&rest);
    if (str_is_empty(number)) {
        number = sign;
        sign = STR("=");
    }
    if (str_to_int(number, INT64_MIN, INT64_MAX, &wanted))
        return scene_fail(scene, "expect how many?");
    return compare(sign, is, wanted)
               ? true
               : scene_fail(scene, "expected " STR_FMT " " STR_FMT " " STR_FMT ", there are %lld",
                            STR_ARG(what), STR_ARG(sign), STR_ARG(number), (long long)is);
}

/* ---- "alice connects", "bob ignores OPTIONS", "bob hears nothing for 5s" ---- */

static bool do_hears(struct scene *scene, struct phone *phone, struct str rest)
{
    msec duration = 1000;

    take_word(&rest); /* "nothing" */
    if (str_eq(take_word(&rest), STR("for")) && !read_time(take_word(&rest), &duration))
        return scene_fail(scene, "for what time?");
    return scene_hears_nothing(scene, phone, duration);
}

static bool do_ignores(struct scene *scene, struct phone *phone, struct str rest)
{
    unsigned i = scene->ignored_count++;

    if (i == sizeof scene->ignored / sizeof scene->ignored[0])
        return scene_fail(scene, "too much is ignored");
    snprintf(scene->ignored[i].who, sizeof scene->ignored[i].who, "%s", phone->name);
    snprintf(scene->ignored[i].what, sizeof scene->ignored[i].what, STR_FMT,
             STR_ARG(str_trim(rest)));
    return true;
}

static bool do_connection(struct scene *scene, struct phone *phone, struct str what)
{
    if (str_eq(what, STR("connects")))
        phone_connect(phone);
    else if (str_eq(what, STR("disconnects")))
        phone_hang_up(phone);
    else if (str_eq(what, STR("listens")))
        phone_listen(phone);
    else if (str_eq(what, STR("vanishes")) && phone->stream)
        sim_cut(phone->stream);
    else
        return scene_fail(scene, "what does \"" STR_FMT "\" mean?", STR_ARG(what));
    world_run_for(scene->world, 2 * scene->world->net.link.latency + 1);
    return true;
}

static bool do_act(struct scene *scene, struct str name, struct str rest)
{
    struct phone *phone = scene_find_phone(scene, name);
    struct str what = take_word(&rest);

    if (!phone)
        return false;
    if (str_eq(what, STR("hears")))
        return do_hears(scene, phone, rest);
    if (str_eq(what, STR("ignores")))
        return do_ignores(scene, phone, rest);
    if (str_eq(what, STR("answers"))) {
        if (phone->reflex_count == PHONE_REFLEXES_MAX)
            return scene_fail(scene, "too many reflexes");
        phone->reflexes[phone->reflex_count++] = str_of(scene_text(scene, str_trim(rest)));
        return true;
    }
    if (str_eq(what, STR("instance"))) {
        phone->instance = str_of(scene_text(scene, str_trim(rest)));
        return true;
    }
    return do_connection(scene, phone, what);
}

/* ---- the play ---- */

static const struct {
    struct str word;
    bool (*perform)(struct scene *scene, struct str rest);
    bool needs_world;
} rows[] = {
    { STR_INIT("config"), do_config, false },
    { STR_INIT("workers"), do_workers, false },
    { STR_INIT("seed"), do_seed, false },
    { STR_INIT("link"), do_link, false },
    { STR_INIT("store"), do_store, false },
    { STR_INIT("listen"), do_listen, false },
    { STR_INIT("domain"), do_domain, false },
    { STR_INIT("names"), do_names, true },
    { STR_INIT("name"), do_name, true },
    { STR_INIT("command"), do_command, true },
    { STR_INIT("nat"), do_nat, true },
    { STR_INIT("phone"), do_phone, true },
    { STR_INIT("account"), do_account, false },
    { STR_INIT("sql"), do_sql, false },
    { STR_INIT("drop"), do_drop, true },
    { STR_INIT("undrop"), do_undrop, true },
    { STR_INIT("after"), do_after, true },
    { STR_INIT("restart"), do_restart, true },
    { STR_INIT("reload"), do_reload, true },
    { STR_INIT("reboot"), do_reboot, true },
    { STR_INIT("registered"), do_registered, true },
    { STR_INIT("call"), do_call, true },
    { STR_INIT("hangup"), do_hang_up, true },
    { STR_INIT("nobody"), do_nobody, true },
    { STR_INIT("expect"), do_expect, true },
    { STR_INIT("logged"), scene_logged, true },
    { STR_INIT("asked"), scene_asked, true },
    { STR_INIT("media"), scene_media, true },
    { STR_INIT("intrude"), scene_intrude, true },
    { STR_INIT("ends"), do_ends_dirty, false },
};

static bool perform(struct scene *scene, const struct statement *statement)
{
    struct str rest = scene_expand(scene, statement->text), word = take_word(&rest);
    struct str next = rest;

    scene->now = statement;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(word, rows[i].word))
            return (!rows[i].needs_world || open_world(scene)) && rows[i].perform(scene, rest);
    if (!open_world(scene))
        return false;
    next = take_word(&next);
    if (str_eq(next, STR("->")) || str_eq(next, STR("~>")))
        return scene_talk(scene, statement);
    return do_act(scene, word, rest);
}

static bool check_phones(struct scene *scene)
{
    for (unsigned i = 0; i < scene->phone_count; i++) {
        struct phone *phone = &scene->phones[i];

        if (phone->fault)
            return scene_fail(scene, "%s got a faulty message: %s\n" STR_FMT, phone->name,
                              phone->fault, STR_ARG(phone->faulty));
    }
    return true;
}

static bool check_unread(struct scene *scene)
{
    for (unsigned i = 0; i < scene->phone_count; i++)
        if (!scene_hears_nothing(scene, &scene->phones[i], i == 0 ? 100 : 0))
            return false;
    return true;
}

/* Whatever was begun ends some day, and then nothing is held any more. */
static bool check_aftermath(struct scene *scene)
{
    struct world *world = scene->world;

    if (scene->ends_dirty)
        return true;
    if (world_settle(world))
        return true;
    return scene_fail(scene, "left behind: %llu transactions, %zu bytes, %llu media ports",
                      (unsigned long long)world_transactions(world), world_bytes(world),
                      (unsigned long long)world_media_ports(world));
}

static bool play(struct scene *scene, const struct statement *const statements[])
{
    for (unsigned i = 0; i < scene->file->count; i++) {
        if (!perform(scene, statements[i]) || scene->has_failed || !check_phones(scene))
            return false;
        if (scene->world)
            scene->marked = world_now(scene->world);
    }
    if (!open_world(scene))
        return false;
    return check_unread(scene) && check_aftermath(scene) && check_phones(scene);
}

static void close_scene(struct scene *scene)
{
    for (unsigned i = 0; i < scene->phone_count; i++)
        phone_fini(&scene->phones[i]);
    world_destroy(scene->world);
    arena_fini(&scene->arena);
    free(scene);
}

static bool perform_order(const struct script_file *file, unsigned number, bool is_verbose)
{
    struct scene *scene = sim_alloc(sizeof *scene);
    const struct statement **statements = sim_alloc((file->count + 1) * sizeof(void *));
    bool has_passed;

    scene->file = file;
    scene->is_verbose = is_verbose;
    scene->domain = "example.com";
    scene->options.seed = 1;
    arena_init(&scene->arena, NULL, SIZE_MAX);
    script_file_order(file, number, statements);
    has_passed = play(scene, statements);
    if (!has_passed) {
        if (script_file_orders(file) > 1)
            fprintf(stderr, "  in order number %u\n", number + 1);
        ladder_print(scene);
        if (scene->world && !is_verbose) {
            fprintf(stderr, "  the log of the server:\n");
            world_print_log(scene->world);
        }
    }
    close_scene(scene);
    free(statements);
    return has_passed;
}

bool scene_perform_file(const char *path, bool is_verbose)
{
    struct script_file file;
    bool has_passed = true;

    if (!script_file_read(path, &file))
        return false;
    for (unsigned i = 0; i < script_file_orders(&file) && has_passed; i++)
        has_passed = perform_order(&file, i, is_verbose);
    script_file_free(&file);
    return has_passed;
}
