/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the database file, and why it failed last, as a sentence for users. One thread at
 * a time. Statements that are used again and again are prepared once, each under a number of the
 * user's.
 */
#ifndef KIEKER_STORAGE_SQLITE_DATABASE_H
#define KIEKER_STORAGE_SQLITE_DATABASE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#define DATABASE_STATEMENTS 64

/* What to do about a damaged file. */
#define DATABASE_SALVAGE                                                                           \
    "`kieker-query export --to kieker-binary --out DIR --database FILE` saves what can be read; "  \
    "choose another file with --database"

struct database {
    sqlite3 *handle;
    char *location; /* the file, as the user wrote it */
    int full;       /* the last failure was for want of disk space */
    int is_short;   /* or of memory */
    char error[1024];
    sqlite3_stmt *statements[DATABASE_STATEMENTS];
};

/* Opens the file with SQLite's flags (SQLITE_OPEN_…); `uri` is what SQLite is told, or NULL for the
 * location. 0 or -1. */
int database_open(struct database *database, const char *location, const char *uri, int flags);

/* Closes it; statements that others prepared must be finalized before. The sentence stays. */
void database_close(struct database *database);

/* Finalizes the numbered statements; they are prepared again when they are asked for. */
void database_forget(struct database *database);

/* Sets the sentence. Returns -1. */
int database_fail(struct database *database, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The sentence for what SQLite answered last. Returns -1. */
int database_failed(struct database *database);

/*
 * In a transaction: has the file itself grow to what the transaction makes of it, before that is
 * written to the log. So what is in the log can be copied into the file however full the disk is,
 * and the log begin anew. SQLITE_FCNTL_CHUNK_SIZE must have been set. 0 or -1.
 */
int database_take_room(struct database *database);

/* The statement with this number, reset; NULL: failed. `sql` must be the same each time. */
sqlite3_stmt *database_statement(struct database *database, unsigned number, const char *sql);

/* A statement that the caller finalizes; NULL: failed. */
sqlite3_stmt *database_prepare(struct database *database, const char *sql);

/* Steps: 1 a row, 0 done (and reset), -1 failed (and reset). */
int database_step(struct database *database, sqlite3_stmt *statement);

/* Runs statements that give no rows. 0 or -1. */
int database_execute(struct database *database, const char *sql);

/* The first column of the first row of `sql`; 0 if there is none or it is null. 0 or -1. */
int database_integer(struct database *database, const char *sql, int64_t *value);

#endif
