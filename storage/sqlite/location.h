/* SPDX-License-Identifier: Apache-2.0 */
/* The database's file and what lies beside it: its directory, and the lock that keeps a second
 * collector away. */
#ifndef KIEKER_STORAGE_SQLITE_LOCATION_H
#define KIEKER_STORAGE_SQLITE_LOCATION_H

#include <stddef.h>

/* What is there already must be a file, and reading it must not wait for anybody. 0 or -1. */
int location_look(const char *location, char *error, size_t error_size);

/* Makes the directories above the file that are not there, and looks; those of the default location
 * for their owner alone. 0 or -1. */
int location_prepare(const char *location, char *error, size_t error_size);

/* Takes FILE.lock: its descriptor; -1: another process has it, or it cannot be made. Closing gives
 * it back. */
int location_lock(const char *location, char *error, size_t error_size);

#endif
