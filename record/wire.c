/* SPDX-License-Identifier: Apache-2.0 */
#include "record/wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAD 12 /* of an entry and of a record alike */

static const char *const fault_names[] = {
    [WIRE_FINE] = "none",
    [WIRE_UNKNOWN_CLASS_ID] = "unknown_class_id",
    [WIRE_UNKNOWN_CLASS] = "unknown_class",
    [WIRE_BAD_LENGTH] = "bad_length",
    [WIRE_BAD_ITEM] = "bad_item",
    [WIRE_TOO_MANY_NAMES] = "too_many_names",
    [WIRE_SHORT] = "memory_short",
    [WIRE_CUT] = "cut_off",
};

const char *wire_fault_name(enum wire_fault fault)
{
    return fault_names[fault];
}

void wire_init(struct wire *wire)
{
    memset(wire, 0, sizeof(*wire));
    registry_init(&wire->registry);
    wire->record.registry = &wire->registry;
}

void wire_fini(struct wire *wire)
{
    registry_fini(&wire->registry);
}

static enum wire_item fail(struct wire *wire, enum wire_fault fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum wire_item fail(struct wire *wire, enum wire_fault fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(wire->error, sizeof(wire->error), format, args);
    va_end(args);
    wire->fault = fault;
    return WIRE_FAILED;
}

/* The bytes of the UTF-8 sequence that begins with `first`; 0 if none does. */
static unsigned sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if ((first & 0xF0) == 0xE0)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

static int well_formed(const unsigned char *at, unsigned length)
{
    for (unsigned i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return 1;
}

enum { NOT_UTF8 = -1, UTF8_GOES_ON = -2 };

/* How many bytes at `at` hold exactly `units` UTF-16 units; NOT_UTF8 if none do, UTF8_GOES_ON if
 * `end` came first. */
static int64_t bytes_of_units(const unsigned char *at, const unsigned char *end, size_t units)
{
    const unsigned char *start = at;

    while (units > 0) {
        unsigned length;

        if (at == end)
            return UTF8_GOES_ON;
        length = sequence_length(*at);
        if (length == 0)
            return NOT_UTF8;
        if ((size_t)(end - at) < length)
            return well_formed(at, (unsigned)(end - at)) ? UTF8_GOES_ON : NOT_UTF8;
        if (!well_formed(at, length) || (length == 4 && units == 1))
            return NOT_UTF8;
        units -= length == 4 ? 2 : 1;
        at += length;
    }
    return at - start;
}

static int is_utf8(const unsigned char *at, const unsigned char *end)
{
    while (at < end) {
        unsigned length = sequence_length(*at);

        if (length == 0 || length > (size_t)(end - at) || !well_formed(at, length))
            return 0;
        at += length;
    }
    return 1;
}

static int is_ascii(const unsigned char *at, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (at[i] >= 0x80)
            return 0;
    return 1;
}

/* Whether an item may begin at `at`: an entry, a record of a known class, or the stream's end. */
static int plausible(const struct wire *wire, const unsigned char *at, const unsigned char *end)
{
    const struct registry_entry *class;
    int32_t first;

    if (at == end)
        return 1;
    if (end - at < 4)
        return 0;
    first = (int32_t)bytes_get32(at);
    class = registry_get(&wire->registry, first);
    return first == -1 || (class && class->type);
}

/* Decides between `declared` bytes and `other` bytes by what follows either; sets *length. 1, or 0
 * for "more bytes needed". */
static int decide(struct wire *wire, const unsigned char *text, const unsigned char *end, int last,
    size_t declared, size_t other, size_t *length)
{
    int as_bytes, as_units;

    if ((size_t)(end - text) < other + 4 && !last)
        return 0;
    as_bytes = plausible(wire, text + declared, end);
    as_units = other <= (size_t)(end - text) && plausible(wire, text + other, end);
    if (as_bytes != as_units)
        wire->lengths = as_bytes ? WIRE_LENGTHS_BYTES : WIRE_LENGTHS_UTF16;
    else
        as_bytes = is_utf8(text, text + declared);
    *length = as_bytes ? declared : other;
    return 1;
}

/* Finds the true length in bytes of the text of an entry. 1, or 0 for "more bytes needed". */
static int text_length(struct wire *wire, const unsigned char *text, const unsigned char *end,
    int last, size_t declared, size_t *length)
{
    size_t there = (size_t)(end - text);
    int64_t other;

    if (there < declared)
        return 0;
    *length = declared;
    if (wire->lengths == WIRE_LENGTHS_BYTES || is_ascii(text, declared))
        return 1;
    other = bytes_of_units(text, end, declared);
    if (other == UTF8_GOES_ON)
        return last; /* then only `declared` bytes can be meant */
    if (other == NOT_UTF8)
        return 1;
    if (wire->lengths == WIRE_LENGTHS_UTF16) {
        *length = (size_t)other;
        return 1;
    }
    return decide(wire, text, end, last, declared, (size_t)other, length);
}

__attribute__((noinline)) static enum wire_item cut(struct wire *wire, size_t rest, int last)
{
    if (!last)
        return WIRE_NEED_MORE;
    return fail(wire, WIRE_CUT, "the stream ends inside an item: %zu bytes of it came", rest);
}

/* Apart from wire_next, which records pass through by the million: entries are few. */
__attribute__((noinline)) static enum wire_item next_entry(
    struct wire *wire, const unsigned char **at, const unsigned char *end, int last)
{
    const unsigned char *item = *at;
    size_t rest = (size_t)(end - item), length;
    int32_t declared;

    if (rest < HEAD)
        return cut(wire, rest, last);
    wire->entry_id = (int32_t)bytes_get32(item + 4);
    wire->entry_declared = declared = (int32_t)bytes_get32(item + 8);
    if (declared < 0 || (uint32_t)declared > WIRE_TEXT_MAX)
        return fail(wire, WIRE_BAD_LENGTH,
            "registry entry %" PRId32 " claims a length of %" PRId32 " (0 to %u can be)",
            wire->entry_id, declared, WIRE_TEXT_MAX);
    if (!text_length(wire, item + HEAD, end, last, (size_t)declared, &length))
        return cut(wire, rest, last);
    if (registry_put(&wire->registry, wire->entry_id, (const char *)item + HEAD, length) < 0)
        return wire->registry.is_short
                   ? fail(wire, WIRE_SHORT,
                         "memory is short: registry entry %" PRId32 " of %zu bytes cannot be kept",
                         wire->entry_id, length)
                   : fail(wire, WIRE_TOO_MANY_NAMES,
                         "registry entry %" PRId32
                         " of %zu bytes cannot be kept: a stream may have %" PRIu32
                         " strings of %" PRIu32 " bytes each, %u bytes in all",
                         wire->entry_id, length, wire->registry.entries_max,
                         wire->registry.text_max, REGISTRY_BYTES_MAX);
    wire->entry = registry_get(&wire->registry, wire->entry_id);
    *at = item + HEAD + length;
    wire->position += HEAD + length;
    wire->entries++;
    return WIRE_ENTRY;
}

/* The size of fields with arrays: -1 when an array is impossible, else what is known so far (more
 * than `there`: wait). */
static int64_t size_with_arrays(
    const struct record_type *type, const unsigned char *fields, size_t there)
{
    size_t size = 0;

    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;

        if (!field_is_array(field)) {
            size += field_width(field);
            continue;
        }
        if (size + 4 > there)
            return (int64_t)size + 4;
        if (bytes_get32(fields + size) > WIRE_ARRAY_MAX)
            return -1;
        size += 4 + field_width(field_element(field)) * (size_t)bytes_get32(fields + size);
    }
    return (int64_t)size;
}

__attribute__((noinline)) static enum wire_item unknown_class(
    struct wire *wire, int32_t id, const struct registry_entry *entry)
{
    if (entry == NULL)
        return fail(wire, WIRE_UNKNOWN_CLASS_ID,
            "a record names class id %" PRId32 ", which was never announced", id);
    return fail(wire, WIRE_UNKNOWN_CLASS,
        "unknown record type (%" PRId32 ") %.100s: --records FILE.irl teaches it", id, entry->text);
}

/* A record whose type has arrays: sets *size to the bytes of its fields. WIRE_RECORD if all of them
 * are there. */
__attribute__((noinline)) static enum wire_item measure(struct wire *wire,
    const struct record_type *type, const unsigned char *fields, size_t there, int last,
    size_t *size)
{
    int64_t needed = size_with_arrays(type, fields, there);

    if (needed < 0)
        return fail(wire, WIRE_BAD_ITEM, "a %s has an array of more than %d elements", type->name,
            WIRE_ARRAY_MAX);
    if (there < (size_t)needed)
        return cut(wire, HEAD + there, last);
    *size = (size_t)needed;
    return WIRE_RECORD;
}

enum wire_item wire_next(
    struct wire *wire, const unsigned char **at, const unsigned char *end, int last)
{
    const unsigned char *item = *at;
    size_t rest = (size_t)(end - item), size;
    const struct registry_entry *class;
    const struct record_type *type;
    int32_t id;

    if (wire->fault != WIRE_FINE)
        return WIRE_FAILED;
    if (rest < 4)
        return rest == 0 ? WIRE_NEED_MORE : cut(wire, rest, last);
    id = (int32_t)bytes_get32(item);
    if (id == -1)
        return next_entry(wire, at, end, last);
    class = registry_get(&wire->registry, id);
    if (class == NULL || class->type == NULL)
        return unknown_class(wire, id, class);
    type = class->type;
    size = type->size;
    if (rest < HEAD + size)
        return cut(wire, rest, last);
    if (type->arrays) {
        enum wire_item whole = measure(wire, type, item + HEAD, rest - HEAD, last, &size);

        if (whole != WIRE_RECORD)
            return whole;
    }
    wire->record.type = type;
    wire->record.logged = (int64_t)bytes_get64(item + 4);
    wire->record.fields = item + HEAD;
    wire->record.size = (uint32_t)size;
    *at = item + HEAD + size;
    wire->position += HEAD + size;
    wire->records++;
    return WIRE_RECORD;
}

unsigned char *wire_put_entry(unsigned char *at, int32_t id, const char *text, size_t length)
{
    at = bytes_put32(at, UINT32_MAX);
    at = bytes_put32(at, (uint32_t)id);
    at = bytes_put32(at, (uint32_t)length);
    memcpy(at, text, length);
    return at + length;
}

unsigned char *wire_put_head(unsigned char *at, int32_t class_id, int64_t logged)
{
    at = bytes_put32(at, (uint32_t)class_id);
    return bytes_put64(at, (uint64_t)logged);
}
