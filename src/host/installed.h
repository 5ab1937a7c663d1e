/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The objects of modules on this machine: beside the program, in the module path, installed. */
#include <limits.h>

#include <culvert/module.h>

/* The file of a module; the path is folders with colons between them. */
bool find_module_object(struct str module_path, struct str name, char path[static PATH_MAX]);
/* The descriptor in an object, which stays mapped; NULL with the reason in `why`. */
const struct module_desc *open_module_object(const char *path, void **object, char *why,
                                             size_t size);
/* Every module once, by name. */
void each_installed_module(struct str module_path,
                           void (*visit)(void *context, const struct module_desc *desc),
                           void *context);
