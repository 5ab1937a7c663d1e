/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Commands about TLS. */
#include "manage/command.h"

enum err tls_run_reload(struct module *module, struct command *command);
enum err tls_run_list(struct module *module, struct command *command);
enum err tls_run_info(struct module *module, struct command *command);
