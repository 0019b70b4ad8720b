/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stream, read at one go and once more in pieces. The first two bytes say how large
 * the pieces are. What must hold: both give the same items and end in the same way, the position is
 * what was used up, nothing but what has come is looked at (each piece lies in memory of its own
 * size), and a record's fields are its bytes, from the first to the last.
 */
#include "tests/fuzz/input.h"

#include "analysis/list.h"
#include "record/wire.h"

/* What an item was, in short. */
struct seen {
    enum wire_item item;
    uint64_t position, digest;
};

struct reading {
    struct wire wire;
    LIST(struct seen) items;
};

static uint64_t mix(uint64_t digest, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * 0x100000001B3u;
    return digest;
}

static uint64_t digest_of_entry(const struct wire *wire)
{
    uint64_t digest = mix((uint32_t)wire->entry_id, wire->entry->text, wire->entry->length);

    must(strlen(wire->entry->text) <= wire->entry->length);
    must(registry_get(&wire->registry, wire->entry_id) == wire->entry);
    return digest ^ (uint64_t)(uint32_t)wire->entry_declared << 32;
}

static uint64_t digest_of_record(const struct wire *wire)
{
    struct record_cursor cursor = {.record = &wire->record};
    const struct record *record = &wire->record;
    uint64_t digest = mix((uint64_t)record->logged, record->fields, record->size);
    size_t values = 0;

    while (record_next_value(&cursor) > 0)
        must(++values <= record->size + record->type->field_count);
    must(record->type->field_count == 0 || cursor.next == record->fields + record->size);
    return digest ^ (uint64_t)record_type_id(record->type) << 56;
}

static enum wire_item read_on(
    struct reading *reading, const unsigned char **at, const unsigned char *end, int last)
{
    struct wire *wire = &reading->wire;
    enum wire_item item;

    for (;;) {
        const unsigned char *before = *at;
        uint64_t position = wire->position;
        struct seen *seen;

        item = wire_next(wire, at, end, last);
        must(wire->position - position == (uint64_t)(*at - before) && *at <= end);
        if (item <= 0) {
            must(*at == before && (item == WIRE_FAILED) == (wire->fault != WIRE_FINE));
            return item;
        }
        seen = list_add(&reading->items);
        must(seen != NULL && *at > before);
        *seen = (struct seen){item, wire->position,
            item == WIRE_ENTRY ? digest_of_entry(wire) : digest_of_record(wire)};
    }
}

static enum wire_item read_in_pieces(
    struct reading *reading, const uint8_t *bytes, size_t size, size_t piece, size_t more)
{
    enum wire_item item = WIRE_NEED_MORE;
    size_t used = 0, there = 0;

    do {
        unsigned char *copy;
        const unsigned char *at;

        there += piece < size - there ? piece : size - there;
        piece += more;
        copy = malloc(there - used ? there - used : 1);
        must(copy != NULL);
        memcpy(copy, bytes + used, there - used);
        at = copy;
        item = read_on(reading, &at, copy + (there - used), there == size);
        used += (size_t)(at - copy);
        free(copy);
    } while (item == WIRE_NEED_MORE && there < size);
    return item;
}

static void compare(const struct reading *one, const struct reading *other)
{
    must(one->items.count == other->items.count);
    for (size_t i = 0; i < one->items.count; i++) {
        const struct seen *a = &one->items.items[i], *b = &other->items.items[i];

        must(a->item == b->item && a->position == b->position && a->digest == b->digest);
    }
    must(one->wire.fault == other->wire.fault);
    must(one->wire.position == other->wire.position && one->wire.lengths == other->wire.lengths);
    must(one->wire.records == other->wire.records && one->wire.entries == other->wire.entries);
    must(strcmp(one->wire.error, other->wire.error) == 0);
}

static void end(struct reading *reading)
{
    const unsigned char none = 0, *at = &none;

    must((reading->wire.fault == WIRE_FINE) == (reading->wire.error[0] == '\0'));
    must(wire_fault_name(reading->wire.fault) != NULL);
    if (reading->wire.fault != WIRE_FINE) /* sticks */
        must(wire_next(&reading->wire, &at, at, 0) == WIRE_FAILED && at == &none);
    wire_fini(&reading->wire);
    list_fini(&reading->items);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct reading whole = {.items = {0}}, pieces = {.items = {0}};
    const unsigned char *at = bytes + 2;
    size_t piece, more;

    if (size < 2)
        return 0;
    piece = 1 + bytes[0];
    /* Pieces that stay as small read a long item again and again. */
    more = bytes[1] % 16 + size / 256;
    wire_init(&whole.wire);
    wire_init(&pieces.wire);
    read_on(&whole, &at, bytes + size, 1);
    read_in_pieces(&pieces, bytes + 2, size - 2, piece, more);
    compare(&whole, &pieces);
    end(&whole);
    end(&pieces);
    return 0;
}
