/* SPDX-License-Identifier: Apache-2.0 */
/* A new file, written from the beginning to the end, packed as Kieker's readers unpack it. */
#ifndef KIEKER_RECORD_LOGS_PACKFILE_H
#define KIEKER_RECORD_LOGS_PACKFILE_H

#include <stddef.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ, PACKING_ZIP, PACKINGS };

/* What a file's name gets behind its own ending: "", ".gz", ".xz", ".zip". */
const char *packing_suffix(enum packing packing);

struct packfile;

/* Makes the file, which must not be there. NULL with the reason in `error`. */
struct packfile *packfile_make(
    const char *path, enum packing packing, char *error, size_t error_size);

/* 0, or -1: see packfile_error. */
int packfile_write(struct packfile *file, const void *bytes, size_t size);

/* Why something has failed. */
const char *packfile_error(const struct packfile *file);

/* Ends it. 0, or -1 with the reason in `error` when not all has been written. */
int packfile_close(struct packfile *file, char *error, size_t error_size);

#endif
