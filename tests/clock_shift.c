/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by tests/fault_clock.py: the wall clock is off by what the first 8 bytes of the file
 * $CLOCK_SHIFT say (ns, in this machine's order), which may change at any time. Other clocks are as
 * they are.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static const volatile int64_t *shift;

static void __attribute__((constructor)) find(void)
{
    const char *path = getenv("CLOCK_SHIFT");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *bytes = fd >= 0 ? mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (bytes == MAP_FAILED)
        abort();
    shift = bytes;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);

    if (result == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t at = now->tv_sec * SECOND + now->tv_nsec + *shift;

        now->tv_sec = at / SECOND;
        now->tv_nsec = at % SECOND;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec at;
    int result = clock_gettime(CLOCK_REALTIME, &at);

    (void)zone;
    *now = (struct timeval){at.tv_sec, at.tv_nsec / 1000};
    return result;
}

time_t time(time_t *now)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (now)
        *now = at.tv_sec;
    return at.tv_sec;
}
