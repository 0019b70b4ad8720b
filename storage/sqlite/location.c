/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/location.h"

#include "storage/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *store_default_location(void)
{
    static const struct {
        const char *variable, *below; /* of what the variable says */
    } places[] = {{"KIEKER_DATABASE", ""}, {"XDG_STATE_HOME", "/kieker/kieker.db"},
        {"HOME", "/.local/state/kieker/kieker.db"}};
    char *location;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *value = getenv(places[i].variable);

        if (value == NULL || *value == '\0' || (i > 0 && *value != '/'))
            continue;
        return asprintf(&location, "%s%s", value, places[i].below) < 0 ? NULL : location;
    }
    return NULL;
}

static int make_directory(
    const char *path, mode_t mode, const char *location, char *error, size_t error_size)
{
    struct stat status;

    if (mkdir(path, mode) == 0 ||
        (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return 0;
    snprintf(error, error_size,
        "%s cannot be made, for the database %s: %s; choose another place with --database", path,
        location, strerror(errno == EEXIST ? ENOTDIR : errno));
    return -1;
}

int location_look(const char *location, char *error, size_t error_size)
{
    struct stat status;

    if (stat(location, &status) < 0 || S_ISREG(status.st_mode))
        return 0;
    snprintf(error, error_size,
        "%s cannot be the database, it is %s: choose a file with --database", location,
        S_ISDIR(status.st_mode) ? "a directory" : "not a file");
    return -1;
}

int location_prepare(const char *location, char *error, size_t error_size)
{
    char *standard = store_default_location(), path[PATH_MAX];
    mode_t mode = standard && strcmp(standard, location) == 0 ? 0700 : 0777;

    free(standard);
    if (strlen(location) >= sizeof(path)) {
        snprintf(error, error_size, "the name of the database is too long: %.60s...", location);
        return -1;
    }
    strcpy(path, location);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_directory(path, mode, location, error, error_size) < 0)
            return -1;
        *slash = '/';
    }
    return location_look(location, error, error_size);
}

int location_lock(const char *location, char *error, size_t error_size)
{
    char path[PATH_MAX + 8], owner[32] = "", *full = realpath(location, NULL);
    int lock;

    /* By whatever link it is called, there is one lock of a file. */
    snprintf(path, sizeof(path), "%s.lock", full ? full : location);
    free(full);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0) {
        snprintf(error, error_size,
            errno == ENOSPC
                ? "%s cannot be made: %s; free some space, or choose another place with "
                  "--database"
                : "%s cannot be made: %s; choose a place that may be written with "
                  "--database",
            path, strerror(errno));
        return -1;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        ssize_t length = pread(lock, owner, sizeof(owner) - 1, 0);

        owner[length > 0 ? length : 0] = '\0';
        owner[strcspn(owner, "\n")] = '\0';
        snprintf(error, error_size,
            "%s is in use by another collector (process %s): stop that, or choose another file "
            "with --database",
            location, owner);
        close(lock);
        return -1;
    }
    if (ftruncate(lock, 0) < 0 || dprintf(lock, "%ld\n", (long)getpid()) < 0) {
        snprintf(error, error_size,
            errno == ENOSPC ? "%s cannot be written: %s; free some space, or choose another place "
                              "with --database"
                            : "%s cannot be written: %s",
            path, strerror(errno));
        close(lock);
        return -1;
    }
    return lock;
}
