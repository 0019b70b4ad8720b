/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: what real clients sent, from tests/data/captures of the source tree ($srcdir, else
 * here). */
#ifndef KIEKER_TESTS_CAPTURES_H
#define KIEKER_TESTS_CAPTURES_H

#include <stddef.h>

/* The single-socket captures' names, without ".bin"; ends with NULL. */
extern const char *const captures[];

/* The file's bytes, with a NUL behind; the caller frees. Ends the test program if it cannot be
 * read. */
char *capture_read(const char *name, const char *suffix, size_t *size);

#endif
