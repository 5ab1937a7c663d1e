/* SPDX-License-Identifier: Apache-2.0 */
/* What is said and what is heard. */
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/scene.h"

enum {
    PATIENCE = 2000,        /* ms to wait for a message when nothing is lost */
    LOSSY_PATIENCE = 40000, /* and when datagrams are */
};

/* ---- matching ---- */

bool is_message(const struct siptext *text, struct str what)
{
    uint64_t status;

    if (str_eq(what, STR("any")))
        return text->status != 100;
    if (text->is_request)
        return str_eq(text->method, what);
    if (what.len == 3 && str_eq(str_skip(what, 1), STR("xx")))
        return text->status / 100 == (unsigned)(what.ptr[0] - '0');
    return !str_to_uint(what, 100, 699, &status) && text->status == status;
}

bool scene_matches(struct scene *scene, struct str text, struct str pattern)
{
    regex_t regex;
    bool matches;

    if (regcomp(&regex, scene_text(scene, pattern), REG_EXTENDED | REG_NOSUB))
        return scene_fail(scene, "\"" STR_FMT "\" is no regular expression", STR_ARG(pattern));
    matches = regexec(&regex, scene_text(scene, text), 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

bool scene_is_ignored(const struct scene *scene, const struct phone *phone,
                      const struct siptext *text)
{
    for (unsigned i = 0; i < scene->ignored_count; i++)
        if (strcmp(scene->ignored[i].who, phone->name) == 0 &&
            is_message(text, str_of(scene->ignored[i].what)))
            return true;
    return false;
}

struct heard *phone_unread(struct scene *scene, struct phone *phone)
{
    struct heard *heard = phone->heard;

    while (heard && (heard->is_read || heard->is_repeat || heard->text.status == 100 ||
                     scene_is_ignored(scene, phone, &heard->text)))
        heard = heard->next;
    return heard;
}

/* What an expectation says. */
struct wanted {
    struct scene *scene;
    struct phone *phone;
    struct str what, about; /* "200", "BYE" */
    bool is_again, is_anywhere;
    msec within, after;
    bool has_after;
    struct heard *found;
};

static bool is_wanted(const struct wanted *wanted, const struct heard *heard)
{
    return is_message(&heard->text, wanted->what) &&
           (str_is_empty(wanted->about) || str_eq(heard->text.method, wanted->about));
}

/* The next message counts, whatever it is; those that are skipped by everybody only if meant. */
static bool is_candidate(const struct wanted *wanted, const struct heard *heard)
{
    if (heard->is_read || heard->is_repeat != wanted->is_again)
        return false;
    if (is_wanted(wanted, heard))
        return true;
    return !wanted->is_anywhere && !wanted->is_again && heard->text.status != 100 &&
           !scene_is_ignored(wanted->scene, wanted->phone, &heard->text);
}

static bool find_wanted(void *context)
{
    struct wanted *wanted = context;

    for (struct heard *heard = wanted->phone->heard; heard; heard = heard->next)
        if (is_candidate(wanted, heard)) {
            wanted->found = heard;
            return true;
        }
    return false;
}

/* ---- checks below an expectation ---- */

static const char *first_words(struct scene *scene, const struct siptext *text)
{
    struct str rest = text->bytes, line = STR("nothing");

    siptext_line(&rest, &line);
    return scene_text(scene, line);
}

static bool check_audio(struct scene *scene, const struct siptext *text, struct str wanted)
{
    struct addr audio = sdp_find_audio(text->body), ip;
    char shown[ADDR_TEXT_MAX];

    if (str_eq(wanted, STR("proxy"))) {
        if (addr_same_ip(&audio, &world_server_host(scene->world)->ip) && audio.port >= 1024)
            return true;
    } else if (str_eq(wanted, STR("nowhere"))) {
        if (audio.family == ADDR_NONE)
            return true;
    } else if (str_eq(wanted, str_of(addr_text(&audio, shown)))) {
        return true;
    } else if (!addr_parse_ip(wanted, &ip) && addr_same_ip(&audio, &ip)) {
        return true;
    }
    return scene_fail(scene, "audio is wanted at %s, not at %s", scene_text(scene, wanted),
                      addr_text(&audio, shown));
}

static bool any_header_matches(struct scene *scene, const struct siptext *text, struct str name,
                               struct str pattern)
{
    struct str value;

    for (unsigned i = 0; siptext_header(text, name, i, &value); i++)
        if (scene_matches(scene, value, pattern))
            return true;
    return false;
}

static unsigned count_headers(const struct siptext *text, struct str name)
{
    struct str value;
    unsigned count = 0;

    while (siptext_header(text, name, count, &value))
        count++;
    return count;
}

static bool check_absent(struct scene *scene, const struct siptext *text, struct str note)
{
    struct str name, pattern, value;

    if (!str_split(note, ':', &name, &pattern)) {
        name = note;
        pattern = STR("");
    }
    name = str_trim(name);
    pattern = str_trim(pattern);
    if (str_eq(name, STR("body")))
        return text->body.len == 0 || (pattern.len && !scene_matches(scene, text->body, pattern))
                   ? true
                   : scene_fail(scene, "there is a body like that");
    if (str_is_empty(pattern) ? !siptext_header(text, name, 0, &value)
                              : !any_header_matches(scene, text, name, pattern))
        return true;
    return scene_fail(scene, "there is a " STR_FMT " like that:\n" STR_FMT, STR_ARG(name),
                      STR_ARG(text->bytes));
}

static bool keep_variable(struct scene *scene, const struct siptext *text, struct str rest)
{
    struct str header = take_word(&rest), as = take_word(&rest), name = take_word(&rest);
    struct variable *variable = &scene->variables[scene->variable_count];
    struct str value = siptext_value(text, header);
    char shown[ADDR_TEXT_MAX];

    if (!str_eq(as, STR("as")) || name.len < 2 || name.len >= sizeof variable->name ||
        scene->variable_count == sizeof scene->variables / sizeof scene->variables[0])
        return scene_fail(scene, "write: keep Header as $name");
    memcpy(variable->name, name.ptr, name.len);
    if (str_eq(header, STR("audio"))) {
        struct addr audio = sdp_find_audio(text->body);

        value = str_of(addr_text(&audio, shown));
    }
    if (str_copy(&scene->arena, value, &variable->value))
        abort();
    scene->variable_count++;
    return true;
}

/* One indented line: "Name: pattern", "no Name", "uri: pattern", "audio: proxy", "count Name 2". */
static bool check_note(struct scene *scene, const struct siptext *text, struct str note)
{
    struct str name, pattern, rest = note;

    note = scene_expand(scene, note);
    rest = note;
    name = take_word(&rest);
    if (str_eq(name, STR("no")))
        return check_absent(scene, text, rest);
    if (str_eq(name, STR("keep")))
        return keep_variable(scene, text, rest);
    if (str_eq(name, STR("count"))) {
        uint64_t number = 0;

        name = take_word(&rest);
        if (str_to_uint(str_trim(rest), 0, 1000, &number))
            return scene_fail(scene, "write: count Header 2");
        return count_headers(text, name) == number
                   ? true
                   : scene_fail(scene, "there are %u " STR_FMT " lines:\n" STR_FMT,
                                count_headers(text, name), STR_ARG(name), STR_ARG(text->bytes));
    }
    if (!str_split(note, ':', &name, &pattern))
        return scene_fail(scene, "\"" STR_FMT "\" is no check", STR_ARG(note));
    pattern = str_trim(pattern);
    if (str_eq(name, STR("audio")))
        return check_audio(scene, text, pattern);
    if (str_eq(name, STR("uri"))    ? scene_matches(scene, text->uri, pattern)
        : str_eq(name, STR("body")) ? scene_matches(scene, text->body, pattern)
                                    : any_header_matches(scene, text, name, pattern))
        return true;
    return scene_fail(scene, "wanted " STR_FMT ", got\n" STR_FMT, STR_ARG(note),
                      STR_ARG(text->bytes));
}

/* ---- expecting ---- */

static bool read_options(struct wanted *wanted, struct str rest)
{
    struct str word;

    while (!str_is_empty(word = take_word(&rest))) {
        if (str_eq(word, STR("again")))
            wanted->is_again = true;
        else if (str_eq(word, STR("for")))
            wanted->about = take_word(&rest);
        else if (str_eq(word, STR("within"))) {
            if (!read_time(take_word(&rest), &wanted->within))
                return scene_fail(wanted->scene, "within what time?");
        } else if (str_eq(word, STR("after"))) {
            wanted->has_after = true;
            if (!read_time(take_word(&rest), &wanted->after))
                return scene_fail(wanted->scene, "after what time?");
            wanted->within = wanted->after + 300;
        } else {
            return scene_fail(wanted->scene, "\"" STR_FMT "\" is no option of an expectation",
                              STR_ARG(word));
        }
    }
    return true;
}

static bool judge(struct scene *scene, const struct wanted *wanted,
                  const struct statement *statement)
{
    struct heard *found = wanted->found;
    msec waited = found->at - scene->marked;

    if (!is_wanted(wanted, found))
        return scene_fail(scene, "%s shall get " STR_FMT " but got \"%s\"", wanted->phone->name,
                          STR_ARG(wanted->what), first_words(scene, &found->text));
    if (wanted->has_after && waited + 50 < wanted->after)
        return scene_fail(scene, "it came too early, after %.3f s", (double)waited / 1000);
    found->is_read = true;
    if (found->text.is_request && !str_eq(found->text.method, STR("ACK")))
        wanted->phone->asked = found;
    for (unsigned i = 0; i < statement->note_count; i++)
        if (!check_note(scene, &found->text, statement->notes[i]))
            return false;
    return true;
}

static bool expect(struct scene *scene, const struct statement *statement, struct phone *phone,
                   struct str rest, bool is_anywhere)
{
    struct wanted wanted = { .scene = scene, .phone = phone, .is_anywhere = is_anywhere };

    wanted.within = scene->world->net.link.loss ? LOSSY_PATIENCE : PATIENCE;
    wanted.what = take_word(&rest);
    if (!read_options(&wanted, rest))
        return false;
    if (!world_run_until(scene->world, find_wanted, &wanted,
                         world_now(scene->world) + wanted.within))
        return scene_fail(scene, "%s did not get " STR_FMT " within %.3f s", phone->name,
                          STR_ARG(wanted.what), (double)wanted.within / 1000);
    return judge(scene, &wanted, statement);
}

static bool has_unread(void *context)
{
    struct wanted *wanted = context;

    wanted->found = phone_unread(wanted->scene, wanted->phone);
    return wanted->found != NULL;
}

bool scene_hears_nothing(struct scene *scene, struct phone *phone, msec duration)
{
    struct wanted wanted = { .scene = scene, .phone = phone };

    if (!world_run_until(scene->world, has_unread, &wanted, world_now(scene->world) + duration))
        return true;
    return scene_fail(scene, "%s got \"%s\"", phone->name, first_words(scene, &wanted.found->text));
}

/* ---- saying ---- */

struct saying {
    struct scene *scene;
    struct phone *phone;
    struct str target, reason;
    struct str about; /* of a response: the method that it answers */
    const char *with;
    enum speech speech;
    bool has_auth, is_slow, is_reliable, is_wrapped;
    unsigned copies;
};

static bool take_speech(struct saying *saying, struct str word)
{
    static const struct {
        struct str word;
        enum speech speech;
    } rows[] = {
        { STR_INIT("sdp"), SAY_PLAIN },       { STR_INIT("nosdp"), SAY_NONE },
        { STR_INIT("hold"), SAY_HOLD },       { STR_INIT("inactive"), SAY_INACTIVE },
        { STR_INIT("oldhold"), SAY_NULL },    { STR_INIT("video"), SAY_VIDEO },
        { STR_INIT("badsdp"), SAY_BROKEN },   { STR_INIT("moved"), SAY_MOVED },
        { STR_INIT("refused"), SAY_REFUSED },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(word, rows[i].word)) {
            saying->speech = rows[i].speech;
            return true;
        }
    return false;
}

static bool read_saying(struct saying *saying, struct str rest)
{
    struct str word;
    uint64_t number;

    while (!str_is_empty(word = take_word(&rest))) {
        if (take_speech(saying, word))
            continue;
        if (str_eq(word, STR("auth")))
            saying->has_auth = true;
        else if (str_eq(word, STR("reliable")))
            saying->is_reliable = true;
        else if (str_eq(word, STR("multipart")))
            saying->is_wrapped = true;
        else if (str_eq(word, STR("bytewise")))
            saying->is_slow = true;
        else if (str_eq(word, STR("to")))
            saying->about = take_word(&rest);
        else if (str_eq(word, STR("with")))
            saying->with = scene_text(saying->scene, take_word(&rest));
        else if (word.len > 1 && word.ptr[0] == 'x' &&
                 !str_to_uint(str_skip(word, 1), 1, 1000, &number))
            saying->copies = (unsigned)number;
        else if (str_is_empty(saying->target))
            saying->target = word;
        else
            return scene_fail(saying->scene, "\"" STR_FMT "\" is no option of a message",
                              STR_ARG(word));
    }
    return true;
}

static struct str substitute(struct scene *scene, struct str text, struct str command)
{
    struct str pattern, replacement;
    regex_t regex;
    regmatch_t match;
    const char *terminated = scene_text(scene, text);
    char separator[2] = { command.len ? command.ptr[0] : '/', 0 };
    struct str out = text;

    command = str_skip(command, 1);
    if (!str_split(command, separator[0], &pattern, &replacement) || replacement.len == 0) {
        scene_fail(scene, "write: Header ~ /pattern/replacement/");
        return text;
    }
    replacement.len--;
    if (regcomp(&regex, scene_text(scene, pattern), REG_EXTENDED))
        return text;
    if (regexec(&regex, terminated, 1, &match, 0) == 0) {
        if (str_print(&scene->arena, &out, "%.*s" STR_FMT "%s", (int)match.rm_so, terminated,
                      STR_ARG(replacement), terminated + match.rm_eo))
            abort();
    } else {
        scene_fail(scene, "nothing in \"" STR_FMT "\" to replace", STR_ARG(text));
    }
    regfree(&regex);
    return out;
}

static void change_headers(struct scene *scene, struct draft *draft, struct str name,
                           struct str command)
{
    if (str_eq(name, STR("first"))) {
        draft->first = substitute(scene, draft->first, command);
        return;
    }
    for (unsigned i = 0; i < draft->header_count; i++)
        if (str_ieq(draft->headers[i].name, name))
            draft->headers[i].value = substitute(scene, draft->headers[i].value, command);
}

static void add_body_line(struct scene *scene, struct draft *draft, struct str line)
{
    if (str_print(&scene->arena, &draft->body, STR_FMT STR_FMT "\r\n", STR_ARG(draft->body),
                  STR_ARG(line)))
        abort();
}

/* The headers that this statement has set: the first line of a name replaces, later ones add. */
struct set_names {
    struct str names[STATEMENT_NOTES_MAX];
    unsigned count;
    bool has_body;
};

static bool was_set(struct set_names *set, struct str name)
{
    for (unsigned i = 0; i < set->count; i++)
        if (str_ieq(set->names[i], name))
            return true;
    set->names[set->count++] = name;
    return false;
}

static bool apply_note(struct scene *scene, struct draft *draft, struct str note,
                       struct set_names *set)
{
    struct str name, value, rest;

    note = scene_expand(scene, note);
    rest = note;
    if (note.ptr[0] == '|') {
        if (!set->has_body)
            draft->body = STR("");
        set->has_body = true;
        add_body_line(scene, draft, str_skip(note, note.len > 1 && note.ptr[1] == ' ' ? 2 : 1));
        return true;
    }
    if (note.ptr[0] == '-') {
        draft_remove(draft, str_trim(str_skip(note, 1)));
        return true;
    }
    name = take_word(&rest);
    if (str_starts(str_trim(rest), STR("~ "))) {
        change_headers(scene, draft, name, str_trim(str_skip(str_trim(rest), 2)));
        return true;
    }
    if (note.ptr[0] == '+' && str_split(str_skip(note, 1), ':', &name, &value)) {
        draft_add(draft, str_trim(name), str_trim(value));
        return true;
    }
    if (!str_split(note, ':', &name, &value))
        return scene_fail(scene, "\"" STR_FMT "\" is no header", STR_ARG(note));
    name = str_trim(name);
    if (was_set(set, name)) {
        draft_add(draft, name, str_trim(value));
    } else {
        draft_remove(draft, name);
        draft_add(draft, name, str_trim(value));
    }
    return true;
}

static const struct heard *find_asked(struct phone *phone, struct str about)
{
    const struct heard *found = NULL;

    if (str_is_empty(about))
        return phone->asked;
    for (const struct heard *heard = phone->heard; heard; heard = heard->next)
        if (heard->text.is_request && !heard->is_repeat && str_eq(heard->text.method, about))
            found = heard;
    return found;
}

static bool draft_message(struct saying *saying, struct str what, struct draft *draft)
{
    struct scene *scene = saying->scene;
    const struct heard *asked;
    uint64_t status;

    if (str_to_uint(what, 100, 699, &status)) {
        phone_request(saying->phone, draft, what, saying->target, saying->with, saying->speech);
        return true;
    }
    asked = find_asked(saying->phone, saying->about);
    if (!asked)
        return scene_fail(scene, "%s was asked nothing", saying->phone->name);
    phone_response(saying->phone, draft, asked, (unsigned)status, saying->target, saying->speech);
    if (saying->is_reliable)
        draft_rely(draft);
    return true;
}

static bool send_raw(struct scene *scene, struct phone *phone, const struct statement *statement)
{
    struct str text = STR("");

    for (unsigned i = 0; i < statement->note_count; i++) {
        struct str line = scene_expand(scene, statement->notes[i]);

        if (line.ptr[0] != '|')
            return scene_fail(scene, "lines of raw messages begin with |");
        line = str_skip(line, line.len > 1 && line.ptr[1] == ' ' ? 2 : 1);
        if (str_print(&scene->arena, &text, STR_FMT STR_FMT "\r\n", STR_ARG(text), STR_ARG(line)))
            abort();
    }
    phone_send(phone, text);
    return true;
}

static bool say(struct scene *scene, const struct statement *statement, struct phone *phone,
                struct str rest)
{
    struct saying saying = { .scene = scene, .phone = phone, .copies = 1 };
    struct set_names set = { .count = 0 };
    struct str what = take_word(&rest);
    struct draft draft;
    struct str bytes;

    if (str_eq(what, STR("raw")))
        return send_raw(scene, phone, statement);
    if (!read_saying(&saying, rest))
        return false;
    if (str_eq(what, STR("again"))) {
        bytes = phone->last_sent;
    } else {
        if (!draft_message(&saying, what, &draft))
            return false;
        if (saying.is_wrapped)
            draft_wrap(&draft);
        if (saying.has_auth)
            draft_authorize(&draft);
        for (unsigned i = 0; i < statement->note_count; i++)
            if (!apply_note(scene, &draft, statement->notes[i], &set))
                return false;
        bytes = draft_write(&draft);
    }
    while (saying.copies-- > 0) {
        if (saying.is_slow)
            phone_send_slowly(phone, bytes);
        else
            phone_send(phone, bytes);
    }
    return !scene->has_failed;
}

bool scene_talk(struct scene *scene, const struct statement *statement)
{
    struct str rest = scene_expand(scene, statement->text);
    struct str from = take_word(&rest), arrow = take_word(&rest), to = take_word(&rest);
    bool is_from_proxy = str_eq(from, STR("proxy"));
    struct phone *phone = scene_find_phone(scene, is_from_proxy ? to : from);

    if (!phone)
        return false;
    if (!str_eq(take_word(&rest), STR(":")))
        return scene_fail(scene, "write: alice -> proxy : MESSAGE");
    if (is_from_proxy)
        return expect(scene, statement, phone, rest, str_eq(arrow, STR("~>")));
    return say(scene, statement, phone, rest);
}

/* ---- whole exchanges in one line ---- */

static bool say_plainly(struct scene *scene, struct phone *phone, const char *what)
{
    static const struct statement nothing;

    return say(scene, &nothing, phone, str_of(what));
}

static bool expect_plainly(struct scene *scene, struct phone *phone, const char *what)
{
    static const struct statement nothing;

    return expect(scene, &nothing, phone, str_of(what), false);
}

static bool was_challenged(void *context)
{
    struct wanted *wanted = context;

    wanted->found = phone_unread(wanted->scene, wanted->phone);
    return wanted->found != NULL;
}

/* The final response to what was just sent; answers one challenge on the way. */
static bool get_past_challenge(struct scene *scene, struct phone *phone, const char *request)
{
    struct wanted wanted = { .scene = scene, .phone = phone };
    char with_auth[64];
    unsigned status;

    if (!world_run_until(scene->world, was_challenged, &wanted, world_now(scene->world) + PATIENCE))
        return scene_fail(scene, "%s got no answer to %s", phone->name, request);
    status = wanted.found->text.status;
    if (status != 401 && status != 407)
        return true;
    wanted.found->is_read = true;
    if (str_starts(str_of(request), STR("INVITE")) && !say_plainly(scene, phone, "ACK"))
        return false;
    snprintf(with_auth, sizeof with_auth, "%s auth",
             str_starts(str_of(request), STR("INVITE")) ? "INVITE" : request);
    return say_plainly(scene, phone, with_auth);
}

bool scene_register(struct scene *scene, struct phone *phone)
{
    return say_plainly(scene, phone, "REGISTER") && get_past_challenge(scene, phone, "REGISTER") &&
           expect_plainly(scene, phone, "200");
}

struct pair_of_phones {
    struct scene *scene;
    struct phone *caller, *callee;
};

static bool someone_heard(void *context)
{
    struct pair_of_phones *pair = context;

    return phone_unread(pair->scene, pair->caller) || phone_unread(pair->scene, pair->callee);
}

bool scene_set_up_call(struct scene *scene, struct phone *caller, struct phone *callee)
{
    struct pair_of_phones pair = { scene, caller, callee };
    char invite[80];

    snprintf(invite, sizeof invite, "INVITE " STR_FMT, STR_ARG(callee->user));
    if (!say_plainly(scene, caller, invite))
        return false;
    world_run_until(scene->world, someone_heard, &pair, world_now(scene->world) + PATIENCE);
    if (phone_unread(scene, caller) && !get_past_challenge(scene, caller, invite))
        return false;
    return expect_plainly(scene, callee, "INVITE") && say_plainly(scene, callee, "180") &&
           expect_plainly(scene, caller, "180") && say_plainly(scene, callee, "200") &&
           expect_plainly(scene, caller, "200") && say_plainly(scene, caller, "ACK") &&
           expect_plainly(scene, callee, "ACK");
}

bool scene_end_call(struct scene *scene, struct phone *caller, struct phone *callee)
{
    return say_plainly(scene, caller, "BYE") && expect_plainly(scene, callee, "BYE") &&
           say_plainly(scene, callee, "200") && expect_plainly(scene, caller, "200");
}
