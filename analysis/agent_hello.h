/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our own agents say of themselves, in registry entries that every other reader takes for
 * strings nobody uses:
 *
 *   kieker:agent version=1 language=python pid=123 run=NAME program=PATH   at the stream's begin
 *   kieker:counters dropped_ring_full=5 …                                  now and then; numbers
 * since the begin
 *
 * Values are percent-encoded, keys are lower-case words.
 */
#ifndef KIEKER_ANALYSIS_AGENT_HELLO_H
#define KIEKER_ANALYSIS_AGENT_HELLO_H

#include <stddef.h>

#define HELLO_AGENT "kieker:agent "
#define HELLO_COUNTERS "kieker:counters "
#define HELLO_VALUE_MAX 1024

struct hello_pair {
    const char *key; /* into the text */
    size_t key_length;
    char value[HELLO_VALUE_MAX]; /* decoded; a longer one is cut */
};

/* Takes the next key=value off *text (NUL-terminated). 1, or 0 when there is none. Words without
 * "=" are passed over. */
int hello_next(const char **text, struct hello_pair *pair);

#endif
