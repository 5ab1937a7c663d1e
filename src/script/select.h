/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Selects, as SER wrote them and Kamailio still reads them: @ruri.user, @from.uri.host,
 * @hf_value.x_name[2]. Each is another way to write a variable.
 */
#include "script/unit.h"

/*
 * The length of the select that begins at the '@', and the variable that it stands for, in scratch
 * memory; 0: it is none that is known.
 */
size_t select_translate(struct unit *unit, struct str text, struct str *out);
