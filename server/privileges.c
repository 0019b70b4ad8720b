/* SPDX-License-Identifier: Apache-2.0 */
#include "server/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/log.h"

void privileges_harden(int core_dumps)
{
    struct rlimit none = {0, 0};

    umask(077);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!core_dumps)
        setrlimit(RLIMIT_CORE, &none);
}

static int become(const struct passwd *user, char *error, size_t error_size)
{
    if (initgroups(user->pw_name, user->pw_gid) < 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0) {
        snprintf(error, error_size, "it cannot become the user %.100s: %s; only root can (--user)",
            user->pw_name, strerror(errno));
        return -1;
    }
    if (setuid(0) == 0 || geteuid() != user->pw_uid) {
        snprintf(error, error_size,
            "it has become the user %.100s, but could be root again (--user)", user->pw_name);
        return -1;
    }
    return 0;
}

int privileges_drop(const char *name, char *error, size_t error_size)
{
    struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (user == NULL) {
        snprintf(error, error_size,
            "there is no user %.100s%s%s (--user): adduser --system %.100s makes one", name,
            errno ? ": " : "", errno ? strerror(errno) : "", name);
        return -1;
    }
    if (user->pw_uid == 0) {
        snprintf(error, error_size, "%.100s is root: choose another user (--user)", name);
        return -1;
    }
    if (getuid() == user->pw_uid && geteuid() == user->pw_uid)
        return 0;
    log_give(user->pw_uid, user->pw_gid);
    if (become(user, error, error_size) < 0)
        return -1;
    /* Where the database lies if nobody says where: at home, which was root's. */
    setenv("HOME", user->pw_dir, 1);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
    unsetenv("XDG_STATE_HOME");
    return 0;
}
