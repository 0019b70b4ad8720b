/* SPDX-License-Identifier: Apache-2.0 */
#include "server/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "server/clock.h"

/* The program itself, the database's and HTTP's own, a batch being stored, spans that wait, and
 * what lies unused between things that are used. */
#define SET_ASIDE (96u << 20)

#define LARGE (1 << 20)

void memory_init(void)
{
    /* Else it keeps what is as large as the largest that was freed so far. */
    mallopt(M_MMAP_THRESHOLD, LARGE);
}

/* What is left for the one whose own limit is `most`, when others take so much. */
static size_t share(const struct settings *settings, size_t others, size_t most, size_t least)
{
    size_t all = (size_t)settings->memory, left;

    others += SET_ASIDE + (size_t)settings->queue_size;
    left = all > others ? all - others : 0;
    return left > most ? most : left < least ? least : left;
}

size_t memory_for_streams(const struct settings *settings, const struct assembler *assembler)
{
    size_t most = (size_t)settings->stream_memory;

    return share(settings, assembler_bytes(assembler), most, most / 8);
}

size_t memory_for_traces(
    const struct settings *settings, const struct assembler *assembler, size_t streams)
{
    size_t most = (size_t)settings->trace_memory;
    size_t others = assembler_bytes(assembler) - assembler_trace_bytes(assembler);

    return share(settings, others + streams, most, most / 4);
}

/* What the process has of the machine's memory; 0 where that cannot be told. */
static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    size_t pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %zu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void memory_give_back(const struct settings *settings, int64_t *last)
{
    int64_t now = clock_monotonic();

    if (*last != 0 && now - *last < CLOCK_SECOND / 4)
        return;
    *last = now;
    if (resident() > (size_t)settings->memory / 2)
        malloc_trim(0);
}
