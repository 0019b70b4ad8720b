/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How --memory is shared. What the program, the database, HTTP and waiting spans take is set aside;
 * the dictionaries take what they need, each to a limit of its own; clients' strings and the open
 * traces share the rest: each gets less as the other fills, and neither nothing. All in bytes, and
 * of the loop's thread.
 */
#ifndef KIEKER_SERVER_MEMORY_H
#define KIEKER_SERVER_MEMORY_H

#include "analysis/assembler.h"
#include "server/settings.h"

/* Has the allocator give large things back as soon as they are freed. Before any thread. */
void memory_init(void);

/* What all clients' strings and unfinished items may take. */
size_t memory_for_streams(const struct settings *settings, const struct assembler *assembler);

/* What the open traces may take while streams take so much. */
size_t memory_for_traces(
    const struct settings *settings, const struct assembler *assembler, size_t streams);

/*
 * Gives the system what is free, at most every quarter of a second, while the process has more than
 * half of --memory. What streams, traces and spans have held lies between what others hold: freed,
 * it would stay the process's. *last: when this was done, of CLOCK_MONOTONIC; at first 0.
 */
void memory_give_back(const struct settings *settings, int64_t *last);

#endif
