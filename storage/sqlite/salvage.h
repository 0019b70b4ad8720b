/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a table in the order of their ids, passing over what the file does not give. Where a
 * page is damaged, SQLite fails for every row that lies there, but finds those beyond by their ids.
 */
#ifndef KIEKER_STORAGE_SQLITE_SALVAGE_H
#define KIEKER_STORAGE_SQLITE_SALVAGE_H

#include "storage/sqlite/database.h"

struct salvage {
    struct database *database;
    sqlite3_stmt *rows;
    int64_t next;               /* the least id that has not been seen */
    int stepping, end;          /* stepping: the statement goes on by itself */
    int64_t lost_from, lost_to; /* ids, ends included; lost_to INT64_MAX: there may be any number */
};

/* `sql`: SELECT id and what else is wanted … WHERE id >= ?1 ORDER BY id. 0, or -1. */
int salvage_open(struct salvage *salvage, struct database *database, const char *sql);
void salvage_close(struct salvage *salvage);

enum salvaged { SALVAGE_FAILED = -1, SALVAGE_END, SALVAGE_ROW, SALVAGE_HOLE };

/* SALVAGE_ROW: the columns of `rows`, until the next call. SALVAGE_HOLE: rows with ids from
 * lost_from to lost_to, if there are any, cannot be read. */
enum salvaged salvage_next(struct salvage *salvage);

/* Whether what SQLite answered last says that the file is damaged. */
int salvage_is_damage(struct database *database);

#endif
