/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes, compressed if that makes them fewer: varint size, varint stored size, then what is stored
 * (zstd with a checksum, or when both sizes are equal the bytes themselves). An object packs or
 * unpacks; one thread at a time.
 */
#ifndef KIEKER_STORAGE_SQLITE_PACK_H
#define KIEKER_STORAGE_SQLITE_PACK_H

#include "analysis/buffer.h"

#define PACK_SIZE_MAX (256u << 20) /* a packed piece that says it is larger is damaged */

struct packer {
    void *compressor, *expander; /* of zstd, made when needed */
};

void packer_fini(struct packer *packer);

/* Appends the packed piece. 0, or -1 when memory is short. */
int pack_put(struct packer *packer, const void *bytes, size_t size, struct buffer *out);

struct piece {
    const unsigned char *stored;
    size_t size, stored_size;
};

/* Takes a piece off the reader; -1: damaged. */
int pack_next(struct reader *in, struct piece *piece);

/* Appends the piece's bytes. 0, or -1: damaged, or memory is short. */
int pack_get(struct packer *packer, const struct piece *piece, struct buffer *out);

#endif
