/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/pack.h"

#include <string.h>
#include <zstd.h>

#define LEVEL 1
#define WORTH 48 /* fewer bytes than that gain nothing */

void packer_fini(struct packer *packer)
{
    ZSTD_freeCCtx(packer->compressor);
    ZSTD_freeDCtx(packer->expander);
    *packer = (struct packer){0};
}

static ZSTD_CCtx *compressor(struct packer *packer)
{
    if (packer->compressor == NULL) {
        packer->compressor = ZSTD_createCCtx();
        if (packer->compressor == NULL)
            return NULL;
        ZSTD_CCtx_setParameter(packer->compressor, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(packer->compressor, ZSTD_c_checksumFlag, 1);
    }
    return packer->compressor;
}

/* Compresses behind room for the sizes; 0: it is not worth it. */
static size_t compress(struct packer *packer, const void *bytes, size_t size, struct buffer *out)
{
    size_t room = ZSTD_compressBound(size), stored;

    if (size < WORTH || compressor(packer) == NULL ||
        buffer_reserve(out, room + 2 * VARINT_MAX) < 0)
        return 0;
    stored = ZSTD_compress2(
        packer->compressor, out->bytes + out->size + 2 * VARINT_MAX, room, bytes, size);
    return ZSTD_isError(stored) || stored >= size ? 0 : stored;
}

int pack_put(struct packer *packer, const void *bytes, size_t size, struct buffer *out)
{
    size_t stored = compress(packer, bytes, size, out);

    if (buffer_reserve(out, 2 * VARINT_MAX + size) < 0)
        return -1;
    if (stored == 0) {
        buffer_put(out, size);
        buffer_put(out, size);
        return buffer_append(out, bytes, size);
    } else {
        const unsigned char *from = out->bytes + out->size + 2 * VARINT_MAX;

        buffer_put(out, size);
        buffer_put(out, stored);
        memmove(out->bytes + out->size, from, stored);
        out->size += stored;
    }
    return 0;
}

int pack_next(struct reader *in, struct piece *piece)
{
    piece->size = reader_varint(in);
    piece->stored_size = reader_varint(in);
    if (in->bad || piece->stored_size > (size_t)(in->end - in->at) ||
        piece->stored_size > piece->size || piece->size > PACK_SIZE_MAX)
        return -1;
    piece->stored = in->at;
    in->at += piece->stored_size;
    return 0;
}

int pack_get(struct packer *packer, const struct piece *piece, struct buffer *out)
{
    size_t size;

    if (piece->size == piece->stored_size)
        return buffer_append(out, piece->stored, piece->size);
    if (packer->expander == NULL && (packer->expander = ZSTD_createDCtx()) == NULL)
        return -1;
    if (ZSTD_getFrameContentSize(piece->stored, piece->stored_size) != piece->size ||
        buffer_reserve(out, piece->size) < 0)
        return -1;
    size = ZSTD_decompressDCtx(
        packer->expander, out->bytes + out->size, piece->size, piece->stored, piece->stored_size);
    if (ZSTD_isError(size) || size != piece->size)
        return -1;
    out->size += size;
    return 0;
}
