/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in big-endian bytes, as on Kieker's wire. Any thread. */
#ifndef KIEKER_RECORD_BYTES_H
#define KIEKER_RECORD_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_get16(const unsigned char *at)
{
    uint16_t value;

    memcpy(&value, at, 2);
    return __builtin_bswap16(value);
}

static inline uint32_t bytes_get32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}

static inline uint64_t bytes_get64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, 8);
    return __builtin_bswap64(value);
}

static inline unsigned char *bytes_put32(unsigned char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
    return at + 4;
}

static inline unsigned char *bytes_put64(unsigned char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
    return at + 8;
}

_Static_assert(
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the swaps above are for a little-endian machine");

#endif
