/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of path_packed, unpacked. */
#ifndef KIEKER_STORAGE_SQLITE_PACKED_SCAN_H
#define KIEKER_STORAGE_SQLITE_PACKED_SCAN_H

#include "storage/sqlite/database.h"
#include "storage/sqlite/packed.h"

struct packed_scan {
    struct database *database;
    sqlite3_stmt *pieces;
    int64_t minute;
    struct packed_reader rows; /* `row` is the one */
};

/* Of the minutes from `first` to `last`, ascending by minutes; a path may be there several times.
 * packed_scan_close in any case. 0 or -1. */
int packed_scan_open(
    struct packed_scan *scan, struct database *database, int64_t first, int64_t last);

/* 1, 0, or -1 (the database's sentence). */
int packed_scan_next(struct packed_scan *scan);

void packed_scan_close(struct packed_scan *scan);

#endif
