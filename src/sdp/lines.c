/* SPDX-License-Identifier: Apache-2.0 */
#include "sdp/lines.h"

static struct str attribute_name(struct str value)
{
    const char *colon = str_find_char(value, ':');

    return colon ? str_between(value.ptr, colon) : value;
}

bool sdp_line_next(struct str *rest, struct sdp_line *out)
{
    const char *feed = str_find_char(*rest, '\n');
    size_t size = feed ? (size_t)(feed - rest->ptr) + 1 : rest->len;
    struct str content;

    if (rest->len == 0)
        return false;
    out->text = (struct str){ rest->ptr, size };
    content = str_trim(out->text);
    out->type = content.len >= 2 && content.ptr[1] == '=' ? content.ptr[0] : '\0';
    out->value = out->type ? str_skip(content, 2) : content;
    out->name = out->type == 'a' ? attribute_name(out->value) : (struct str){ 0 };
    *rest = str_skip(*rest, size);
    return true;
}

bool sdp_line_is_attribute(const struct sdp_line *line, struct str name, struct str *value)
{
    if (line->type != 'a' || !str_ieq(line->name, name))
        return false;
    *value = str_trim(str_skip(line->value, name.len + 1));
    return true;
}

struct str sdp_line_end(struct str text)
{
    const char *feed = str_find_char(text, '\n');

    return feed && (feed == text.ptr || feed[-1] != '\r') ? STR("\n") : STR("\r\n");
}

/* Takes the last word off *text. */
static struct str take_last_word(struct str *text)
{
    const char *space;
    struct str trimmed = str_trim(*text);
    struct str word = trimmed;

    space = trimmed.len ? memrchr(trimmed.ptr, ' ', trimmed.len) : NULL;
    if (space)
        word = str_between(space + 1, trimmed.ptr + trimmed.len);
    *text = (struct str){ trimmed.ptr, trimmed.len - word.len };
    return word;
}

bool sdp_place_parse(struct str value, struct sdp_place *out)
{
    struct str word = take_last_word(&value);
    const char *slash = str_find_char(word, '/');
    struct sdp_place place = { .address = word, .tail = { word.ptr + word.len, 0 } };

    if (slash) {
        place.address = str_between(word.ptr, slash);
        place.tail = str_between(slash, word.ptr + word.len);
    }
    place.network = take_last_word(&value);
    if (!str_ieq(take_last_word(&value), STR("IN")) || place.address.len == 0)
        return false;
    if (addr_parse_ip(place.address, &place.parsed))
        place.parsed = (struct addr){ 0 };
    *out = place;
    return true;
}

struct str sdp_network_name(const struct addr *addr)
{
    return addr->family == ADDR_IPV6 ? STR("IP6") : STR("IP4");
}

static void write_place(struct writer *w, const struct addr *addr)
{
    write_str(w, sdp_network_name(addr));
    write_char(w, ' ');
    addr_write_ip(w, addr, false);
}

void sdp_write_connection(struct writer *w, const struct addr *addr, struct str line_end)
{
    write_str(w, STR("c=IN "));
    write_place(w, addr);
    write_str(w, line_end);
}

void sdp_write_replaced(struct writer *w, const struct sdp_line *line,
                        const struct sdp_place *place, const struct addr *addr)
{
    write_str(w, str_between(line->text.ptr, place->network.ptr));
    write_place(w, addr);
    write_str(w, str_between(place->tail.ptr + place->tail.len, line->text.ptr + line->text.len));
}

void sdp_end_line(struct writer *w, struct str line_end)
{
    if (w->at > w->start && w->at[-1] != '\n')
        write_str(w, line_end);
}
