/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, by version. The version is the database's user_version; that it is ours, its
 * application_id says. What a version adds is a row of one table of migrations; a row that was
 * released is never changed.
 */
#ifndef KIEKER_STORAGE_SQLITE_SCHEMA_H
#define KIEKER_STORAGE_SQLITE_SCHEMA_H

#include "storage/sqlite/database.h"

#define SCHEMA_APPLICATION 0x4B696B72 /* "Kikr" */

#define SCHEMA_PATH_BITS 24

/* The id of a row of path_minute; the table's columns `minute` and `path` are made of it. */
static inline int64_t schema_minute_id(int64_t minute, uint32_t path)
{
    return (int64_t)((uint64_t)minute << SCHEMA_PATH_BITS | path);
}

/* The version that this program writes. */
int schema_version(void);

/*
 * Whether this program can read the database: 1 it can, as it stands; 0 it is empty; -1 it cannot,
 * with the sentence set (not ours, or newer). An older version is 1 too: *version tells.
 */
int schema_check(struct database *database, int *version);

/* Brings the database up to date, a transaction a version. 0 or -1. */
int schema_upgrade(struct database *database);

#endif
