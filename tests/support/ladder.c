/* SPDX-License-Identifier: Apache-2.0 */
/* Who said what to whom, for the reader of a failure. */
#include <stdio.h>

#include "support/scene.h"

static struct ladder_line *next_line(struct scene *scene)
{
    struct ladder_line *line = &scene->ladder[scene->ladder_count++ % LADDER_LINES];

    *line = (struct ladder_line){ .at = scene->world ? world_now(scene->world) : 0 };
    return line;
}

static bool is_printable(struct str bytes)
{
    for (size_t i = 0; i < bytes.len && i < 4; i++)
        if (bytes.ptr[i] < ' ' || bytes.ptr[i] > '~')
            return false;
    return bytes.len > 0;
}

/* "INVITE sip:bob@example.com (SDP)", "200 OK for INVITE", "172 bytes" */
static void describe(struct str bytes, char *out, size_t size)
{
    struct siptext text;

    if (!is_printable(bytes)) {
        snprintf(out, size, "%zu bytes", bytes.len);
    } else if (siptext_read(bytes, &text)) {
        struct str rest = bytes, first = STR("");

        siptext_line(&rest, &first);
        snprintf(out, size, STR_FMT " (faulty)", STR_ARG(first));
    } else if (text.is_request) {
        snprintf(out, size, STR_FMT " " STR_FMT "%s", STR_ARG(text.method), STR_ARG(text.uri),
                 text.body.len ? " (body)" : "");
    } else {
        snprintf(out, size, "%u for " STR_FMT "%s", text.status, STR_ARG(text.method),
                 text.body.len ? " (body)" : "");
    }
}

void ladder_watch(void *context, const struct sim_host *from, const struct sim_host *to,
                  const struct addr *source, const struct addr *target, struct str bytes,
                  enum sim_fate fate)
{
    const struct scene *scene = context;
    struct ladder_line *line;
    char address[ADDR_TEXT_MAX];

    (void)source;
    if (bytes.len <= 4) /* a keepalive */
        return;
    line = next_line(context);
    snprintf(line->from, sizeof line->from, "%s", from ? from->name : "?");
    snprintf(line->to, sizeof line->to, "%s", to ? to->name : addr_text(target, address));
    describe(bytes, line->text, sizeof line->text);
    line->fate = fate;
    if (scene->is_verbose && is_printable(bytes) && fate == FATE_SENT)
        fprintf(stderr, "\n--- %.3f %s -> %s\n%.*s\n", (double)(line->at - scene->begun) / 1000,
                line->from, line->to, (int)bytes.len, bytes.ptr);
}

void ladder_note(struct scene *scene, const char *text)
{
    struct ladder_line *line = next_line(scene);

    snprintf(line->text, sizeof line->text, "%s", text);
}

static const char *fate_text(enum sim_fate fate)
{
    static const char *const texts[] = {
        [FATE_SENT] = "",
        [FATE_LOST] = "   (lost)",
        [FATE_FILTERED] = "   (stopped by a NAT)",
        [FATE_NO_ROUTE] = "   (leads nowhere)",
        [FATE_REFUSED] = "   (nobody listens)",
    };

    return texts[fate];
}

void ladder_print(const struct scene *scene)
{
    unsigned first = scene->ladder_count > LADDER_LINES ? scene->ladder_count - LADDER_LINES : 0;

    if (first > 0)
        fprintf(stderr, "    … %u lines before\n", first);
    for (unsigned i = first; i < scene->ladder_count; i++) {
        const struct ladder_line *line = &scene->ladder[i % LADDER_LINES];
        double at = line->at > scene->begun ? (double)(line->at - scene->begun) / 1000 : 0;

        if (line->from[0])
            fprintf(stderr, "  %9.3f  %-10s -> %-10s : %s%s\n", at, line->from, line->to,
                    line->text, fate_text(line->fate));
        else
            fprintf(stderr, "  %9.3f  %s\n", at, line->text);
    }
}
