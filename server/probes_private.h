/* SPDX-License-Identifier: Apache-2.0 */
/* Not for others to include than probes*.c. */
#ifndef KIEKER_SERVER_PROBES_PRIVATE_H
#define KIEKER_SERVER_PROBES_PRIVATE_H

#include <stdint.h>

#include "record/pattern.h"
#include "record/talk.h"

struct probes_rule {
    int on;
    int64_t since; /* ns since 1970; 0: it was in the file */
    char pattern[PATTERN_MAX + 1];
};

struct probes_list {
    unsigned count;
    struct probes_rule rules[TALK_PATTERNS_MAX];
};

/* Puts a rule behind all others, in the place of one with the same pattern. 0, or -1 with a
 * sentence: it is no pattern, or there are too many. */
int probes_list_put(struct probes_list *list, const char *pattern, int on, int64_t since,
    char *error, size_t error_size);

/* Takes it out. 0, or -1: there is none. */
int probes_list_take(struct probes_list *list, const char *pattern);

/* Fills an empty list from the file; one that is not there is empty. 0, or -1 with a sentence. */
int probes_file_read(const char *file, struct probes_list *list, char *error, size_t error_size);

/* Writes the file anew: all of it or nothing. 0, or -1 with a sentence. */
int probes_file_write(
    const char *file, const struct probes_list *list, char *error, size_t error_size);

#endif
