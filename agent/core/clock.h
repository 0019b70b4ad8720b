/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time for the probes: a counter that is cheap to read, and what a reading of it means in
 * nanoseconds since 1970. The counter is the processor's time-stamp counter where the kernel itself
 * relies on it, else CLOCK_MONOTONIC.
 */
#ifndef KIEKER_AGENT_CORE_CLOCK_H
#define KIEKER_AGENT_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* Wall time of a reading t: wall + (t - ticks) * rate / 2^32. The rate is refined as the clock
 * ages. */
struct clock {
    uint64_t ticks; /* the reading at which the clock was set */
    int64_t steady; /* CLOCK_MONOTONIC then, ns */
    int64_t wall;   /* CLOCK_REALTIME then, ns since 1970 */
    uint64_t rate;  /* ns per tick, in units of 2^-32 */
};

extern int clock_has_counter; /* the time-stamp counter is used; set by clock_init */

static inline uint64_t clock_steady(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A reading of the counter. Any thread. */
static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
    if (__builtin_expect(clock_has_counter, 1))
        return __rdtsc();
#endif
    return clock_steady();
}

/* Sets the clock to now; the rate is a first guess until clock_refine. */
void clock_init(struct clock *clock);

/*
 * Measures the rate anew against CLOCK_MONOTONIC over the clock's whole age: the older, the better
 * (50 ns / age). A jump of the counter (a suspended machine) sets the clock anew.
 */
void clock_refine(struct clock *clock);

/* Nanoseconds since 1970 at that reading. */
static inline int64_t clock_wall(const struct clock *clock, uint64_t ticks)
{
    int64_t passed = (int64_t)(ticks - clock->ticks);

    return clock->wall + (int64_t)(((__int128)passed * (__int128)clock->rate) >> 32);
}

#endif
