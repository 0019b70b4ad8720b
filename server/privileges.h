/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may do, and what others may see of what it makes. At the start, in one thread. */
#ifndef KIEKER_SERVER_PRIVILEGES_H
#define KIEKER_SERVER_PRIVILEGES_H

#include <stddef.h>

/*
 * For the whole process, and for good: files that it makes are its user's alone, no program that it
 * starts gains privileges, and its memory goes into no core file unless `core_dumps`.
 */
void privileges_harden(int core_dumps);

/*
 * Becomes the user of this name, who is not root, with that user's groups and home directory. 0, or
 * -1 with a sentence. Nothing is done if it is that user already.
 */
int privileges_drop(const char *user, char *error, size_t error_size);

#endif
