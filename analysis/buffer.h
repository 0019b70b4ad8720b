/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string of bytes, with numbers in variable length (7 bits a byte, least significant
 * first). Not thread-safe. */
#ifndef KIEKER_ANALYSIS_BUFFER_H
#define KIEKER_ANALYSIS_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX 10 /* bytes of the longest number */

struct buffer {
    unsigned char *bytes;
    size_t size, capacity;
};

void buffer_fini(struct buffer *buffer);

/* Makes room for `more` bytes behind `size`. 0, or -1 when memory is short. */
int buffer_grow(struct buffer *buffer, size_t more);

/* Appends. 0, or -1 when memory is short. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t size);

static inline int buffer_reserve(struct buffer *buffer, size_t more)
{
    return buffer->capacity - buffer->size >= more ? 0 : buffer_grow(buffer, more);
}

static inline unsigned char *varint_put(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

/* Small magnitudes of either sign become small numbers. */
static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Appends within reserved room. */
static inline void buffer_put(struct buffer *buffer, uint64_t value)
{
    buffer->size = (size_t)(varint_put(buffer->bytes + buffer->size, value) - buffer->bytes);
}

/* A place in foreign bytes; reading past the end or a number too long sets `bad` and gives 0 from
 * then on. */
struct reader {
    const unsigned char *at, *end;
    int bad;
};

uint64_t reader_varint_slow(struct reader *reader);

static inline uint64_t reader_varint(struct reader *reader)
{
    if (reader->at < reader->end && *reader->at < 0x80)
        return *reader->at++;
    return reader_varint_slow(reader);
}

#endif
