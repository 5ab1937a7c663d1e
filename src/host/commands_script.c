/* SPDX-License-Identifier: Apache-2.0 */
/* Core commands about the script itself: its log lines and its variables. */
#include "host/commands.h"

#include <culvert/log.h>

#include "host/core.h"

/* log([level,] text): without a level, at the one that is for debugging. */
enum verdict command_log(struct call *call)
{
    const struct server *server = run_server(call->run);
    struct str text = str_trim(call->args[call->arg_count - 1].value.text);
    enum log_level level = LEVEL_DEBUG;

    if (call->arg_count > 1 && !server_log_level(server, call->args[0].value.text, &level)) {
        log_error("log: \"" STR_FMT "\" is no level", STR_ARG(call->args[0].value.text));
        return VERDICT_ERROR;
    }
    if (!server_is_openser(server) &&
        str_print(call->run->arena, &text, "<script>: " STR_FMT, STR_ARG(text)))
        return VERDICT_ERROR;
    run_log(call->run, level, text);
    return VERDICT_TRUE;
}

enum verdict command_setdebug(struct call *call)
{
    const struct server *server = run_server(call->run);
    enum log_level level = LEVEL_NOTICE;
    struct str text;

    if (call->arg_count > 0 && (value_to_str(call->run->arena, &call->args[0].value, &text) ||
                                !server_log_level(server, text, &level)))
        return VERDICT_ERROR;
    log_set_threshold(level);
    return VERDICT_TRUE;
}

enum verdict command_pv_printf(struct call *call)
{
    struct value value = value_of_str(call->args[1].value.text);

    return verdict_of(variable_set(call->run, call->args[0].object, &value));
}

enum verdict command_pv_isset(struct call *call)
{
    struct value value;

    return verdict_if(!variable_get(call->run, call->args[0].object, &value) &&
                      !value_is_null(&value));
}

enum verdict command_pv_unset(struct call *call)
{
    struct value value = value_null();

    return verdict_of(variable_set(call->run, call->args[0].object, &value));
}

enum verdict command_is_int(struct call *call)
{
    struct value value;

    return verdict_if(!variable_get(call->run, call->args[0].object, &value) && value.has_number);
}

enum verdict command_pv_typeof(struct call *call)
{
    struct str kind = call->args[1].value.text;
    struct value value;

    if (variable_get(call->run, call->args[0].object, &value))
        return VERDICT_ERROR;
    if (str_ieq(kind, STR("int")))
        return verdict_if(value.has_number);
    if (str_ieq(kind, STR("str")))
        return verdict_if(value.has_text);
    return verdict_if(str_ieq(kind, STR("null")) && value_is_null(&value));
}

enum verdict command_not_empty(struct call *call)
{
    struct value value;

    if (variable_get(call->run, call->args[0].object, &value))
        return VERDICT_ERROR;
    return verdict_if(!value_is_null(&value) && (!value.has_text || value.text.len > 0));
}
