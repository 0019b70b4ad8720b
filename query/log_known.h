/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been imported of a file of records, remembered in the database (store_noted) by the
 * file's name and first record: how many records, and a digest of these. So a file is known again
 * wherever it lies and whatever has been appended to it, and another one that only begins alike is
 * not taken for it.
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

struct known {
    struct known_file *files; /* by their number in the log */
    unsigned count;
};

/* Looks at the log's files: `count` of them, all zero if nothing was ever imported. 0, or -1 with
 * the sentence. known_fini in either case. */
int known_look(
    struct known *known, struct store *store, const char *log, char *error, size_t error_size);
void known_fini(struct known *known);

/* The digest of a file's records, one after the other; begins with 0. */
uint64_t known_digest(uint64_t digest, const struct record *record);

/* The key of a file that is not known, given its name and its first record's digest. */
void known_key(char key[KNOWN_KEY_MAX], const char *name, uint64_t digest, unsigned alike);

/* Notes that so many records with that digest have been imported. 0, or -1 when memory is short. */
int known_note(struct assembler *assembler, const char *key, uint64_t records, uint64_t digest);

#endif
