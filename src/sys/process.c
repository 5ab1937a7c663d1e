/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <culvert/log.h>
#include <culvert/str.h>

#include "sys/notify.h"

enum {
    LOOKUP_BYTES = 16384, /* for the lines of passwd and group */
};

static enum err complain(const char *what, const char *about)
{
    log_error("%s %s: %s", what, about, strerror(errno));
    return errno == EPERM || errno == EACCES ? ERR_DENIED : ERR_IO;
}

/* Who we shall be. */
struct identity {
    uid_t uid;
    gid_t gid;
    bool has_uid, has_gid;
    char name[256]; /* of the user, for the supplementary groups; may be empty */
};

static bool read_number(const char *text, unsigned *out)
{
    uint64_t number;

    if (str_to_uint(str_of(text), 0, UINT32_MAX - 1, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

static void take_passwd(struct identity *who, const struct passwd *entry)
{
    who->uid = entry->pw_uid;
    who->gid = entry->pw_gid;
    who->has_gid = true;
    snprintf(who->name, sizeof who->name, "%s", entry->pw_name);
}

static enum err find_user(const char *user, struct identity *who)
{
    char lines[LOOKUP_BYTES];
    struct passwd passwd, *found = NULL;

    who->has_uid = true;
    if (read_number(user, &who->uid))
        getpwuid_r(who->uid, &passwd, lines, sizeof lines, &found);
    else if (getpwnam_r(user, &passwd, lines, sizeof lines, &found) != 0 || !found) {
        log_error("there is no user \"%s\" on this machine", user);
        return ERR_NOT_FOUND;
    }
    if (found)
        take_passwd(who, found);
    return ERR_NONE;
}

static enum err find_group(const char *group, struct identity *who)
{
    char lines[LOOKUP_BYTES];
    struct group entry, *found = NULL;

    who->has_gid = true;
    if (read_number(group, &who->gid))
        return ERR_NONE;
    if (getgrnam_r(group, &entry, lines, sizeof lines, &found) != 0 || !found) {
        log_error("there is no group \"%s\" on this machine", group);
        return ERR_NOT_FOUND;
    }
    who->gid = found->gr_gid;
    return ERR_NONE;
}

static bool set_groups(const struct identity *who)
{
    if (geteuid() != 0) /* only the superuser may; then there is nothing to give up either */
        return true;
    if (who->name[0])
        return initgroups(who->name, who->gid) == 0;
    return setgroups(1, &who->gid) == 0;
}

/* True when the old identity cannot come back. */
static bool is_dropped(const struct identity *who)
{
    if (who->has_gid && (getgid() != who->gid || getegid() != who->gid))
        return false;
    if (!who->has_uid)
        return true;
    if (getuid() != who->uid || geteuid() != who->uid)
        return false;
    return who->uid == 0 || setuid(0) != 0;
}

static enum err become(const struct identity *who)
{
    if (who->has_gid && !set_groups(who))
        return complain("cannot set the groups of user", who->name);
    if (who->has_gid && setgid(who->gid) != 0)
        return complain("cannot change", "the group");
    if (who->has_uid && setuid(who->uid) != 0)
        return complain("cannot change", "the user");
    if (!is_dropped(who)) {
        log_error("privileges were dropped but came back; refusing to run");
        return ERR_DENIED;
    }
    return ERR_NONE;
}

enum err process_drop_privileges(const char *user, const char *group)
{
    struct identity who = { .has_uid = false };
    enum err err;

    if (user && (err = find_user(user, &who)))
        return err;
    if (group && (err = find_group(group, &who)))
        return err;
    return become(&who);
}

enum err process_chdir(const char *path)
{
    return chdir(path) == 0 ? ERR_NONE : complain("cannot change to directory", path);
}

enum err process_chroot(const char *path)
{
    notify_keep();
    if (chdir(path) != 0 || chroot(".") != 0)
        return complain("cannot make this the root directory:", path);
    return process_chdir("/");
}

unsigned long process_raise_files(unsigned long wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    if (limit.rlim_max < wanted) {
        struct rlimit raised = { wanted, wanted };

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            return wanted;
        wanted = limit.rlim_max;
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}
