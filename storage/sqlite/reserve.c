/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/reserve.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

void reserve_open(struct reserve *reserve, const char *location)
{
    char *full = realpath(location, NULL); /* beside the file, whatever links lead to it */
    struct stat status;

    if (asprintf(&reserve->path, "%s-reserve", full ? full : location) < 0)
        reserve->path = NULL;
    free(full);
    if (reserve->path == NULL)
        return;
    reserve->fd = open(reserve->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    /* Anything else of this name is somebody's own. */
    if (reserve->fd >= 0 && (fstat(reserve->fd, &status) < 0 || !S_ISREG(status.st_mode) ||
                                status.st_size > RESERVE_BYTES)) {
        close(reserve->fd);
        reserve->fd = -1;
    }
    reserve->is_held = 1;
    reserve_release(reserve);
}

void reserve_hold(struct reserve *reserve)
{
    if (reserve->fd < 0 || reserve->is_held)
        return;
    reserve->is_held = posix_fallocate(reserve->fd, 0, RESERVE_BYTES) == 0;
    if (!reserve->is_held && ftruncate(reserve->fd, 0) < 0)
        return; /* a part may be held: as good as none */
}

void reserve_hold_easily(struct reserve *reserve)
{
    struct statvfs disk;

    if (reserve->fd >= 0 && !reserve->is_held && fstatvfs(reserve->fd, &disk) == 0 &&
        (unsigned long long)disk.f_bavail * disk.f_frsize >= 2ull * RESERVE_BYTES)
        reserve_hold(reserve);
}

int reserve_release(struct reserve *reserve)
{
    if (reserve->fd < 0 || !reserve->is_held)
        return 0;
    reserve->is_held = 0;
    return ftruncate(reserve->fd, 0) == 0;
}

void reserve_close(struct reserve *reserve)
{
    if (reserve->fd >= 0) {
        unlink(reserve->path);
        close(reserve->fd);
    }
    free(reserve->path);
    *reserve = (struct reserve){.fd = -1};
}
