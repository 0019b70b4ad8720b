/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/clock.h"

#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define PAIR_TRIES 8
#define FIRST_AGE_NS 1000000      /* a rate over less than this is no better than the guess */
#define SETTLED_AGE_NS 1000000000 /* from here on the rate is known to far better than a jump */
#define JUMP_SHIFT                                                                                 \
    10 /* a rate that moves by more than 1/2^10 is a jump of the counter, not a drift */

int clock_has_counter;

/* What the kernel keeps its own time with; on "hpet" or "acpi_pm" it has found the counter
 * unreliable. */
static int kernel_distrusts_counter(void)
{
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char name[32] = "";
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    if (fgets(name, sizeof(name), file) == NULL)
        name[0] = '\0';
    fclose(file);
    return strncmp(name, "hpet", 4) == 0 || strncmp(name, "acpi_pm", 7) == 0 ||
           strncmp(name, "jiffies", 7) == 0;
}

static int has_invariant_counter(void)
{
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx;

    if (!__get_cpuid(0x80000007u, &eax, &ebx, &ecx, &edx) || !(edx & (1u << 8)))
        return 0;
    return !kernel_distrusts_counter();
#else
    return 0;
#endif
}

/* A reading of the counter and CLOCK_MONOTONIC at the same moment, as near as the best of some
 * tries. */
static void read_pair(uint64_t *ticks, int64_t *steady)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < PAIR_TRIES; i++) {
        uint64_t before = clock_ticks(), now = clock_steady(), after = clock_ticks();

        if (after - before < best) {
            best = after - before;
            *ticks = before + best / 2;
            *steady = (int64_t)now;
        }
    }
}

void clock_init(struct clock *clock)
{
    struct timespec wall;

    clock_has_counter = has_invariant_counter();
    read_pair(&clock->ticks, &clock->steady);
    clock_gettime(CLOCK_REALTIME, &wall);
    clock->wall = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec -
                  ((int64_t)clock_steady() - clock->steady);
    clock->rate = clock_has_counter ? (1ull << 32) / 2 : 1ull << 32;
}

/* The counter has jumped: it starts again from here, at the rate that was. */
static void set_anew(struct clock *clock)
{
    uint64_t rate = clock->rate;

    clock_init(clock);
    clock->rate = rate;
}

void clock_refine(struct clock *clock)
{
    uint64_t ticks, rate, moved;
    int64_t steady, age;

    if (!clock_has_counter)
        return;
    read_pair(&ticks, &steady);
    age = steady - clock->steady;
    if (age < FIRST_AGE_NS)
        return;
    if ((int64_t)(ticks - clock->ticks) <= 0) {
        set_anew(clock);
        return;
    }
    rate = (uint64_t)(((unsigned __int128)age << 32) / (ticks - clock->ticks));
    moved = rate > clock->rate ? rate - clock->rate : clock->rate - rate;
    if (age > SETTLED_AGE_NS && moved > clock->rate >> JUMP_SHIFT)
        set_anew(clock);
    else
        clock->rate = rate;
}
