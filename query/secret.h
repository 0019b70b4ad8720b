/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold a secret, a token or a private key: refused where others may read them. */
#ifndef KIEKER_QUERY_SECRET_H
#define KIEKER_QUERY_SECRET_H

#include <stddef.h>

#define SECRET_MAX ((size_t)1 << 20)

/*
 * The file's bytes with a zero byte behind (not counted in *size), for secret_free; NULL with a
 * sentence. Whoever may write the file, or read it without being its owner or of its group, makes
 * it no secret: then it is refused.
 */
char *secret_read(const char *path, size_t *size, char *error, size_t error_size);

/* The same of a file that holds one word of ASCII characters, and white space around it. */
char *secret_word(const char *path, size_t *size, char *error, size_t error_size);

/* Overwrites the bytes first. */
void secret_free(char *secret, size_t size);

/* Whether both are equal; the time that takes says nothing of `secret` but its size. */
int secret_is(const char *secret, size_t secret_size, const char *given, size_t given_size);

#endif
