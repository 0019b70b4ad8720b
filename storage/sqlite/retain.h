/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what is kept stays within bounds of age and size, a piece at a time. What is oldest goes
 * first, in whole blocks; what ended before the *horizon* (the age, or the end of the last block
 * that went for its size) goes with it: minutes of statistics, records, streams. So all views tell
 * of the same time, as exactly as blocks allow.
 */
#ifndef KIEKER_STORAGE_SQLITE_RETAIN_H
#define KIEKER_STORAGE_SQLITE_RETAIN_H

#include "storage/store.h"

struct retain {
    struct store_limits limits;
    int64_t horizon, passed;     /* all that ended before `passed` is gone, and is to be before
                                    `horizon` */
    int64_t started, started_at; /* when the store was opened: ns since boot, ns since 1970 */
    int64_t log_most;            /* bytes that the write-ahead log is to have */
    int64_t wait_at;             /* for readers, so that the log can begin anew */
    int64_t reserve_at;          /* the next look whether the reserve can be held again */
    int has_chunks;              /* of traces that went: perhaps */
    int has_shrunk;              /* since the file was cut last */
    struct store_retired retired;
};

void retain_init(struct retain *retain);

/* drop.c: a finished block and all that is known of its traces alone. */
struct drop {
    int64_t block;
    int by_size;
    uint64_t traces; /* answer */
};
int write_drop(struct store *store, void *drop);

/* The retired traces' chunks. 1: did a piece; 0: there are none; -1. */
int drop_chunks(struct store *store);

/* expire.c: what ended before the horizon, blocks apart. 1: did a piece; 0: there is nothing; -1.
 */
int expire(struct store *store, int64_t horizon);

/* Up to a piece of records of no trace that are from `until` or older. Likewise. */
int expire_records(struct store *store, int64_t until);

#endif
