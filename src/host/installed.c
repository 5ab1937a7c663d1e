/* SPDX-License-Identifier: Apache-2.0 */
#include "host/installed.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- folders ---- */

typedef bool folder_fn(void *context, const char *folder);

/* The folder of the running program, where `make` leaves modules/. */
static bool program_folder(char *buffer, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", buffer, size - 1);
    char *slash;

    if (length <= 0)
        return false;
    buffer[length] = '\0';
    slash = strrchr(buffer, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* The folder itself, and modules/ in it. */
static bool visit_folder(struct str folder, folder_fn *visit, void *context)
{
    static const char *const within[] = { "", "/modules" };
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof within / sizeof within[0]; i++) {
        int length = snprintf(path, sizeof path, STR_FMT "%s", STR_ARG(folder), within[i]);
        if (length > 0 && length < (int)sizeof path && visit(context, path))
            return true;
    }
    return false;
}

/* Folders in which modules may be, the best first, until one answers true. */
static bool visit_folders(struct str module_path, folder_fn *visit, void *context)
{
    struct str rest = module_path, folder;
    char own[PATH_MAX];

    if (program_folder(own, sizeof own) && visit_folder(str_of(own), visit, context))
        return true;
    while (!str_is_empty(rest)) {
        if (!str_split(rest, ':', &folder, &rest)) {
            folder = rest;
            rest = (struct str){ 0 };
        }
        if (visit_folder(folder, visit, context))
            return true;
    }
    return visit_folder(STR(CULVERT_MODULE_FOLDER), visit, context);
}

/* ---- one module ---- */

struct wanted {
    struct str name;
    char *path; /* PATH_MAX bytes */
};

static bool has_object(void *context, const char *folder)
{
    struct wanted *wanted = context;
    int length = snprintf(wanted->path, PATH_MAX, "%s/" STR_FMT ".so", folder, STR_ARG(wanted->name));

    return length > 0 && length < PATH_MAX && access(wanted->path, R_OK) == 0;
}

bool find_module_object(struct str module_path, struct str name, char path[static PATH_MAX])
{
    struct wanted wanted = { name, path };

    return visit_folders(module_path, has_object, &wanted);
}

const struct module_desc *open_module_object(const char *path, void **object, char *why,
                                             size_t size)
{
    const struct module_desc *desc;

    *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*object) {
        snprintf(why, size, "cannot load %s: %s", path, dlerror());
        return NULL;
    }
    desc = dlsym(*object, "culvert_module");
    if (desc && desc->abi == MODULE_ABI)
        return desc;
    snprintf(why, size, "%s %s", path,
             desc ? "was built for another version of culvert; build it again"
                  : "is no culvert module");
    dlclose(*object);
    return NULL;
}

/* ---- all of them ---- */

enum {
    INSTALLED_MAX = 256,
};

struct gathering {
    const struct module_desc *descs[INSTALLED_MAX];
    unsigned count;
};

static bool is_gathered(const struct gathering *all, const struct module_desc *desc)
{
    for (unsigned i = 0; i < all->count; i++)
        if (strcmp(all->descs[i]->name, desc->name) == 0)
            return true;
    return false;
}

static void gather_object(struct gathering *all, const char *path)
{
    const struct module_desc *desc;
    char why[PATH_MAX + 256];
    void *object;

    if (all->count == INSTALLED_MAX)
        return;
    desc = open_module_object(path, &object, why, sizeof why);
    if (desc && !is_gathered(all, desc))
        all->descs[all->count++] = desc;
}

static bool gather_folder(void *context, const char *folder)
{
    char pattern[PATH_MAX + 8];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/*.so", folder);
    if (glob(pattern, 0, NULL, &found))
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++)
        gather_object(context, found.gl_pathv[i]);
    globfree(&found);
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct module_desc *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

void each_installed_module(struct str module_path,
                           void (*visit)(void *context, const struct module_desc *desc),
                           void *context)
{
    struct gathering all = { .count = 0 };

    visit_folders(module_path, gather_folder, &all);
    qsort(all.descs, all.count, sizeof all.descs[0], by_name);
    for (unsigned i = 0; i < all.count; i++)
        visit(context, all.descs[i]);
}
