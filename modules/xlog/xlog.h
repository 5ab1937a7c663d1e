/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Log lines of scripts: what is put around a text, and where it goes. */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    COLOUR_MAX = 40, /* bytes of a sequence that colours, with its NUL */
};

struct xlog {
    struct str prefix; /* ptr NULL: not set */
    const struct format *prefix_format; /* with prefix_mode 1 */
    struct str facility_name;
    int facility;
    int64_t prefix_mode, long_format, force_color, buf_size, methods_filter;
    char colours[LOG_LEVELS][COLOUR_MAX]; /* log_colors: what a line of the level begins with */
};

/* True when lines may have colours: somebody sees them, or force_color is set. */
bool colours_are_shown(const struct xlog *xlog, const struct server *server);
/* "rx" to the sequence for it; false when the two letters mean no colours. */
bool colours_parse(struct str letters, char out[static COLOUR_MAX]);
/* The parameter log_colors: "L_ERR=cr;L_WARN=px". */
enum err colours_set(struct module *module, const struct value *value,
                     const struct script_place *place);

/* $C(xy) */
enum err colours_prepare(struct module *module, struct str inner, const struct script_place *place,
                         const void **out);
enum err colours_get(const struct variable_use *use, struct value *out);
