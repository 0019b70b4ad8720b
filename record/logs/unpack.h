/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file whatever it is packed with: nothing, gzip, zlib (Kieker's "deflate"), bzip2,
 * xz, zstd, or a zip archive of one or more files. What it is, is told by its first bytes, not by
 * its name: Kieker gives wrong ones.
 */
#ifndef KIEKER_RECORD_LOGS_UNPACK_H
#define KIEKER_RECORD_LOGS_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct unpack;

/* NULL with the sentence in `error`, which does not name the file. */
struct unpack *unpack_open(const char *path, char *error, size_t error_size);
void unpack_close(struct unpack *unpack);

/*
 * Goes to the next file in it: 1 with its name (lent until the next call), 0 when there is none, -1
 * when the archive is damaged. What is no archive has one, without a name ("").
 */
int unpack_next(struct unpack *unpack, const char **name);

/* Whether there is more than one file in it, or may be. */
int unpack_is_archive(const struct unpack *unpack);

/* Up to `size` bytes of that file: how many, 0 at its end, -1 when it is damaged. */
ssize_t unpack_read(struct unpack *unpack, void *to, size_t size);

/* Passes over its first bytes, if it is not packed. Whether it was possible: only before anything
 * has been read. */
int unpack_skip(struct unpack *unpack, uint64_t bytes);

/* Whether it was. */
int unpack_is_plain(const struct unpack *unpack);

/* Why the last call failed. */
const char *unpack_error(const struct unpack *unpack);

#endif
