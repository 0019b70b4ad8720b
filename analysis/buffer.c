/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/buffer.h"

#include <stdlib.h>
#include <string.h>

void buffer_fini(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

int buffer_grow(struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    unsigned char *bytes;

    while (capacity - buffer->size < more)
        capacity *= 2;
    bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return -1;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (buffer_reserve(buffer, size) < 0)
        return -1;
    if (size > 0)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

uint64_t reader_varint_slow(struct reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;

        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    reader->bad = 1;
    reader->at = reader->end;
    return 0;
}
