/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been imported of a file of records, remembered in the database (store_noted) by the
 * file's name and first record: how many records, and a digest of these. So a file is known again
 * wherever it lies and whatever has been appended to it, and another one that only begins alike is
 * not taken for it. A last line that may have been cut off is known again whatever it has become.
 */
#ifndef KIEKER_QUERY_LOG_KNOWN_H
#define KIEKER_QUERY_LOG_KNOWN_H

#include "analysis/assembler.h"
#include "record/record.h"
#include "storage/store.h"

#define KNOWN_KEY_MAX 64
#define KNOWN_ALIKE_MAX 16 /* files that begin alike */

struct known_file {
    char key[KNOWN_KEY_MAX]; /* under which it is noted */
    uint64_t records;        /* that are known from another time */
};

/* Whether the log's file of that name, whose first record has that digest, was imported by what is
 * committed. It is read only if another began alike. 0, or -1 with the sentence. */
int known_look(struct known_file *known, struct store *store, const char *log, const char *name,
    uint64_t first, char *error, size_t error_size);

/* The digest of a file's records, one after the other; begins with 0. */
uint64_t known_digest(uint64_t digest, const struct record *record);

/* The key of a file, given its name and its first record's digest, as the one of that number that
 * begins so. */
void known_key(char key[KNOWN_KEY_MAX], const char *name, uint64_t digest, unsigned alike);

/* What has been imported of a file. */
struct known_state {
    uint64_t records, digest;
    uint64_t before; /* the digest without the last record */
    int is_unended;  /* the last record's line had no end: when it has one it may be another */
};

/* Notes that. 0, or -1 when memory is short. */
int known_note(struct assembler *assembler, const char *key, const struct known_state *state);

#endif
