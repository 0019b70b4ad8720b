/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual tables `trace` (a row per trace, running ones too), `call` (a row per call) and
 * `path_unpacked`: what blocks and path_packed hold, as rows for people who use SQL.
 */
#ifndef KIEKER_STORAGE_SQLITE_VTAB_H
#define KIEKER_STORAGE_SQLITE_VTAB_H

#include "storage/sqlite/reading.h"

/* Puts them upon another connection, for as long as the reader is there. */
int vtab_lend(struct store_reader *reader, sqlite3 *handle);

/*
 * Puts them upon the reader's connection. `on_unload` (or NULL) is called with the reader when the
 * connection needs it no more, also if this fails. One of SQLite's results.
 */
int vtab_register(struct store_reader *reader, void (*on_unload)(void *reader));

extern const sqlite3_module vtab_trace, vtab_call, vtab_packed;

struct vtab {
    sqlite3_vtab base; /* first: SQLite's view of it */
    struct store_reader *reader;
};

/* What xConnect and xDisconnect of both do. */
int vtab_connect(
    sqlite3 *handle, struct store_reader *reader, const char *columns, sqlite3_vtab **vtab);
int vtab_disconnect(sqlite3_vtab *vtab);

/* The reader's sentence becomes the statement's. One of SQLite's results. */
int vtab_failed(sqlite3_vtab *vtab);

/* A text that lives as long as the reader. */
void vtab_text(sqlite3_context *context, const char *text);

#endif
