/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual tables and functions for any program that uses SQLite: as a module that it loads
 * (`.load kieker` in sqlite3, Connection.load_extension in Python), or called directly. The program
 * must use the same SQLite library as this.
 */
#ifndef KIEKER_STORAGE_SQLITE_EXTENSION_H
#define KIEKER_STORAGE_SQLITE_EXTENSION_H

#include <sqlite3.h>

/* SQLite's entry point of a file named kieker.so. One of its results; `routines` is not used. */
int sqlite3_kieker_init(sqlite3 *handle, char **error, const void *routines);

#endif
