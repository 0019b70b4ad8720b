/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER 500 /* numbers from here on are rarely in use */

static int move_away(int low)
{
    struct rlimit limit = {.rlim_cur = 0};
    int high;

    getrlimit(RLIMIT_NOFILE, &limit);
    high =
        fcntl(low, F_DUPFD_CLOEXEC, limit.rlim_cur > 2 * NUMBER ? NUMBER : (int)limit.rlim_cur / 2);
    if (high < 0)
        return low;
    close(low);
    return high;
}

int descriptor_take(struct descriptor *descriptor, int opened)
{
    struct stat now = {0};

    *descriptor = DESCRIPTOR_NONE;
    if (opened < 0)
        return -1;
    descriptor->fd = move_away(opened);
    fstat(descriptor->fd, &now);
    descriptor->device = now.st_dev;
    descriptor->inode = now.st_ino;
    return 0;
}

int descriptor_is_ours(const struct descriptor *descriptor)
{
    struct stat now;

    return descriptor->fd >= 0 && fstat(descriptor->fd, &now) == 0 &&
           now.st_dev == descriptor->device && now.st_ino == descriptor->inode;
}

void descriptor_close(struct descriptor *descriptor)
{
    if (descriptor_is_ours(descriptor))
        close(descriptor->fd);
    descriptor->fd = -1;
}
