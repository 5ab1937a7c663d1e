/* SPDX-License-Identifier: Apache-2.0 */
#include "xlog.h"

#include <stdio.h>

static const char letters[] = "srgybpcw"; /* in the order of the terminal's codes */

enum {
    DEFAULT_COLOUR = 9, /* behind the last of them */
    TEXT_CODES = 30,
    BACKGROUND_CODES = 40,
};

/* The code of a letter among its kind; -1: there is none. */
static int colour_code(char letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;

    return letter == 'x' ? DEFAULT_COLOUR : at ? (int)(at - letters) : -1;
}

/* The text may be in bold: an upper-case letter. */
bool colours_parse(struct str text, char out[static COLOUR_MAX])
{
    int front = text.len == 2 ? colour_code(char_lower(text.ptr[0])) : -1;
    int back = text.len == 2 ? colour_code(text.ptr[1]) : -1;

    if (front < 0 || back < 0)
        return false;
    snprintf(out, COLOUR_MAX, "\033[%d;%d;%dm", text.ptr[0] != char_lower(text.ptr[0]),
             TEXT_CODES + front, BACKGROUND_CODES + back);
    return true;
}

bool colours_are_shown(const struct xlog *xlog, const struct server *server)
{
    return xlog->force_color || server_logs_to_stderr(server);
}

/* ---- log_colors ---- */

static bool set_level(struct module *module, struct str item)
{
    struct xlog *xlog = module_state(module);
    struct str level_name, colours;
    enum log_level level;

    return str_split(item, '=', &level_name, &colours) &&
           server_log_level(module_server(module), str_trim(level_name), &level) &&
           colours_parse(str_trim(colours), xlog->colours[level]);
}

enum err colours_set(struct module *module, const struct value *value,
                     const struct script_place *place)
{
    struct str rest = value->text, item;

    while (!str_is_empty(str_trim(rest))) {
        if (!str_split(rest, ';', &item, &rest)) {
            item = rest;
            rest = (struct str){ 0 };
        }
        if (set_level(module, item))
            continue;
        script_complain(place, "\"" STR_FMT "\" colours no level; write L_ERR=cr;L_WARN=px",
                        STR_ARG(item));
        return ERR_SYNTAX;
    }
    return ERR_NONE;
}

/* ---- $C(xy) ---- */

enum err colours_prepare(struct module *module, struct str inner, const struct script_place *place,
                         const void **out)
{
    char ignored[COLOUR_MAX];

    (void)module;
    (void)out;
    if (colours_parse(inner, ignored))
        return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" is no pair of colours: text (upper case: bold) and"
                           " background, of x s r g y b p c w",
                    STR_ARG(inner));
    return ERR_SYNTAX;
}

enum err colours_get(const struct variable_use *use, struct value *out)
{
    const struct xlog *xlog = module_state(use->module);
    char sequence[COLOUR_MAX];
    struct str text = { 0 };
    enum err err = ERR_NONE;

    if (colours_are_shown(xlog, run_server(use->run)) && colours_parse(use->inner, sequence))
        err = str_copy(use->run->arena, str_of(sequence), &text);
    *out = value_of_str(text);
    return err;
}
