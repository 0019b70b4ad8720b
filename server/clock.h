/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, in ns. */
#ifndef KIEKER_SERVER_CLOCK_H
#define KIEKER_SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_MS INT64_C(1000000)
#define CLOCK_SECOND INT64_C(1000000000)

static inline int64_t clock_of(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

/* Since 1970. */
static inline int64_t clock_now(void)
{
    return clock_of(CLOCK_REALTIME);
}

/* For differences. */
static inline int64_t clock_monotonic(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

#endif
