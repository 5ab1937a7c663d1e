/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The objects of modules on this machine: beside the program, in the module path, installed. */
#include <limits.h>

#include "host/host.h"

/* The file of a module. */
bool find_module_object(const struct server *server, struct str name, char path[static PATH_MAX]);
/* The descriptor in an object, which stays mapped; NULL with the reason in `why`. */
const struct module_desc *open_module_object(const char *path, void **object, char *why,
                                             size_t size);
/* Every module once, by name. */
void each_installed_module(const struct server *server,
                           void (*visit)(void *context, const struct module_desc *desc),
                           void *context);
