/* SPDX-License-Identifier: Apache-2.0 */
#include "record/wire.h"
#include "tests/captures.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

/* The JSON that a record's field must be decoded to. */
static json_t *value_of(
    const struct record *record, enum record_field_type type, const unsigned char *at)
{
    const struct registry_entry *entry;
    double number;
    uint64_t bits;

    switch (type) {
    case FIELD_BOOL:
        return json_boolean(*at == 1);
    case FIELD_I32:
        return json_integer((int32_t)bytes_get32(at));
    case FIELD_I64:
        return json_integer((int64_t)bytes_get64(at));
    case FIELD_F64:
        bits = bytes_get64(at);
        memcpy(&number, &bits, sizeof(number));
        return json_real(number);
    default: /* FIELD_STR, FIELD_STRS: the captures have no others */
        break;
    }
    entry = registry_get(record->registry, (int32_t)bytes_get32(at));
    ck_assert_ptr_nonnull(entry);
    return json_stringn(entry->text, entry->length);
}

static json_t *fields_of(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    json_t *fields = json_object(), *array = NULL;

    while (record_next_value(&cursor)) {
        const struct record_field *field = &record->type->fields[cursor.field];

        if (field->type != FIELD_STRS) {
            json_object_set_new(fields, field->name, value_of(record, field->type, cursor.at));
            continue;
        }
        if (cursor.element == 0)
            json_object_set_new(fields, field->name, array = json_array());
        if (cursor.at)
            json_array_append_new(array, value_of(record, field->type, cursor.at));
    }
    return fields;
}

static void check_item(
    const struct wire *wire, enum wire_item item, json_t *expected, uint64_t begin)
{
    ck_assert_uint_eq(begin, (uint64_t)json_integer_value(json_object_get(expected, "off")));
    ck_assert_uint_eq(
        wire->position - begin, (uint64_t)json_integer_value(json_object_get(expected, "len")));
    if (item == WIRE_ENTRY) {
        ck_assert_int_eq(wire->entry_id, json_integer_value(json_object_get(expected, "registry")));
        ck_assert_int_eq(
            wire->entry_declared, json_integer_value(json_object_get(expected, "declared")));
        ck_assert_int_eq(
            wire->entry->length, json_integer_value(json_object_get(expected, "bytes")));
        ck_assert_str_eq(wire->entry->text, json_string_value(json_object_get(expected, "text")));
    } else {
        json_t *fields = fields_of(&wire->record);

        ck_assert_str_eq(
            wire->record.type->name, json_string_value(json_object_get(expected, "cls")));
        ck_assert_int_eq(
            wire->record.logged, json_integer_value(json_object_get(expected, "loggingTimestamp")));
        ck_assert_msg(json_equal(fields, json_object_get(expected, "fields")), "%s",
            json_dumps(fields, JSON_COMPACT));
        json_decref(fields);
    }
}

struct capture {
    const char *name;
    unsigned char *bytes;
    size_t size;
    json_t *items; /* what it must be decoded to, in order */
};

static void capture_open(struct capture *capture, const char *name)
{
    size_t text_size;
    char *text = capture_read(name, ".decoded.jsonl", &text_size);

    capture->name = name;
    capture->bytes = (unsigned char *)capture_read(name, ".bin", &capture->size);
    capture->items = json_array();
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        json_t *item = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);

        ck_assert_ptr_nonnull(item);
        json_array_append_new(capture->items, item);
    }
    free(text);
}

static void capture_close(struct capture *capture)
{
    json_decref(capture->items);
    free(capture->bytes);
}

/* Reads a capture of which first `cut` bytes arrive, then the rest; every item must be as decoded
 * beforehand. */
static void check_capture(const struct capture *capture, size_t cut)
{
    const unsigned char *at = capture->bytes;
    struct wire wire;
    size_t there = cut < capture->size ? cut : capture->size, items = 0;

    wire_init(&wire);
    for (;;) {
        uint64_t begin = wire.position;
        enum wire_item item = wire_next(&wire, &at, capture->bytes + there, there == capture->size);

        ck_assert_msg(item != WIRE_FAILED, "%s cut at %zu: %s", capture->name, cut, wire.error);
        if (item == WIRE_NEED_MORE && there < capture->size) {
            there = capture->size;
            continue;
        }
        if (item == WIRE_NEED_MORE)
            break;
        check_item(&wire, item, json_array_get(capture->items, items++), begin);
    }
    ck_assert_ptr_eq(at, capture->bytes + capture->size);
    ck_assert_uint_eq(items, json_array_size(capture->items));
    wire_fini(&wire);
}

/* In one piece, and cut in two at every byte. */
START_TEST(test_captures)
{
    struct capture capture;

    capture_open(&capture, captures[_i]);
    for (size_t cut = 0; cut <= capture.size; cut++)
        check_capture(&capture, cut);
    capture_close(&capture);
}
END_TEST

/* Byte by byte: nothing may be read beyond what has arrived (the sanitizers watch a copy of just
 * that size). */
START_TEST(test_captures_byte_by_byte)
{
    size_t size, used = 0, items = 0;
    char *bytes = capture_read(captures[_i], ".bin", &size);
    struct wire wire;

    wire_init(&wire);
    for (size_t there = 1; there <= size; there++) {
        unsigned char *copy = malloc(there - used);
        const unsigned char *at = copy;
        enum wire_item item;

        memcpy(copy, bytes + used, there - used);
        while ((item = wire_next(&wire, &at, copy + (there - used), there == size)) > 0)
            items++;
        ck_assert_int_eq(item, WIRE_NEED_MORE);
        used += (size_t)(at - copy);
        free(copy);
    }
    ck_assert_uint_eq(used, size);
    ck_assert_uint_eq(items, wire.records + wire.entries);
    wire_fini(&wire);
    free(bytes);
}
END_TEST

static unsigned char out[4096];

static unsigned char *put_class(unsigned char *at, int32_t id, enum record_id type)
{
    const char *name = record_type(type)->name;

    return wire_put_entry(at, id, name, strlen(name));
}

/* A record of every type, with arrays of 0, 1, 2 … elements, is read back value by value. */
START_TEST(test_every_type_round_trip)
{
    const struct record_type *type = record_type((enum record_id)_i);
    unsigned char *end = put_class(out, 7, (enum record_id)_i);
    const unsigned char *at = out;
    struct record_cursor cursor = {0};
    struct wire wire;
    unsigned values = 0, read = 0;

    end = wire_put_head(end, 7, 123456789);
    for (unsigned i = 0; i < type->field_count; i++) {
        unsigned elements = type->fields[i].type == FIELD_STRS ? i % 3 : 1;

        if (type->fields[i].type == FIELD_STRS)
            end = bytes_put32(end, elements);
        for (unsigned j = 0; j < elements; j++, values++) {
            if (type->fields[i].type == FIELD_BOOL)
                *end++ = 1;
            else if (type->fields[i].type == FIELD_I64 || type->fields[i].type == FIELD_F64)
                end = bytes_put64(end, 1000 + values);
            else
                end = bytes_put32(end, 1000 + values);
        }
    }
    wire_init(&wire);
    ck_assert_int_eq(wire_next(&wire, &at, end, 0), WIRE_ENTRY);
    ck_assert_int_eq(wire_next(&wire, &at, end, 0), WIRE_RECORD);
    ck_assert_ptr_eq(at, end);
    ck_assert_ptr_eq(wire.record.type, type);
    ck_assert_int_eq(wire.record.logged, 123456789);
    cursor.record = &wire.record;
    while (record_next_value(&cursor)) {
        enum record_field_type field = type->fields[cursor.field].type;

        if (cursor.at == NULL)
            continue;
        if (field == FIELD_BOOL)
            ck_assert_int_eq(*cursor.at, 1);
        else if (field == FIELD_I64 || field == FIELD_F64)
            ck_assert_uint_eq(bytes_get64(cursor.at), 1000 + read);
        else
            ck_assert_uint_eq(bytes_get32(cursor.at), 1000 + read);
        read++;
    }
    ck_assert_uint_eq(read, values);
    wire_fini(&wire);
}
END_TEST

static enum wire_fault fault_of(const unsigned char *bytes, size_t size, const char *words)
{
    const unsigned char *at = bytes;
    enum wire_fault fault;
    struct wire wire;

    wire_init(&wire);
    while (wire_next(&wire, &at, bytes + size, 1) > 0)
        ;
    fault = wire.fault;
    if (words)
        ck_assert_msg(strstr(wire.error, words) != NULL, "%s", wire.error);
    if (fault != WIRE_FINE)
        ck_assert_int_eq(wire_next(&wire, &at, bytes + size, 1), WIRE_FAILED);
    wire_fini(&wire);
    return fault;
}

START_TEST(test_faults)
{
    unsigned char *end = wire_put_head(out, 99, -1);

    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "class id 99"), WIRE_UNKNOWN_CLASS_ID);
    end = wire_put_entry(out, 5, "x.Unknown", 9);
    end = wire_put_head(end, 5, -1);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "x.Unknown"), WIRE_UNKNOWN_CLASS);
    end = bytes_put32(bytes_put32(bytes_put32(out, UINT32_MAX), 1), (uint32_t)-5);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "-5"), WIRE_BAD_LENGTH);
    end = bytes_put32(bytes_put32(bytes_put32(out, UINT32_MAX), 1), INT32_MAX);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "2147483647"), WIRE_BAD_LENGTH);
    end = put_class(out, 1, RECORD_ACTIVATION_PARAMETER);
    end = bytes_put32(bytes_put32(bytes_put32(wire_put_head(end, 1, -1), 1), 1), 0x7FFFFFFF);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "array"), WIRE_BAD_ITEM);
    end = put_class(out, 1, RECORD_BEFORE_OPERATION);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), NULL), WIRE_FINE);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out) - 1, "inside"), WIRE_CUT);
    end = wire_put_head(end, 1, -1);
    ck_assert_int_eq(fault_of(out, (size_t)(end - out), "inside"), WIRE_CUT);
    ck_assert_int_eq(fault_of(out, 0, NULL), WIRE_FINE);
}
END_TEST

/* Whatever arrives, reading ends, and stays within the bytes. */
START_TEST(test_random_bytes)
{
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;

    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)rand_r(&seed) % 200;
        unsigned char *bytes = malloc(size + 1);
        unsigned char *end = bytes;

        if (size > 90)
            end = put_class(bytes, rand_r(&seed) % 4, RECORD_BEFORE_OPERATION);
        for (; end < bytes + size; end++)
            *end = (unsigned char)(rand_r(&seed) % 3 ? rand_r(&seed) : rand_r(&seed) % 2 * 255);
        fault_of(bytes, size, NULL);
        free(bytes);
    }
}
END_TEST

/* The longest string there may be, of characters that take three bytes a unit, as Java sends it. */
START_TEST(test_longest_text)
{
    size_t units = WIRE_TEXT_MAX, size = 12 + 3 * units + 12;
    unsigned char *bytes = malloc(size), *end = bytes;
    const unsigned char *at = bytes;
    struct wire wire;

    end = bytes_put32(bytes_put32(bytes_put32(end, UINT32_MAX), 1), (uint32_t)units);
    for (size_t i = 0; i < units; i++, end += 3)
        memcpy(end, "\xE2\x82\xAC", 3);
    end = wire_put_entry(end, 2, "", 0);
    ck_assert_ptr_eq(end, bytes + size);
    wire_init(&wire);
    ck_assert_int_eq(wire_next(&wire, &at, end, 0), WIRE_ENTRY);
    ck_assert_uint_eq(wire.entry->length, 3 * units);
    ck_assert_int_eq(wire_next(&wire, &at, end, 0), WIRE_ENTRY);
    ck_assert_ptr_eq(at, end);
    wire_fini(&wire);
    free(bytes);
}
END_TEST

START_TEST(test_ids_of_any_kind)
{
    static const int32_t ids[] = {1000, 5, INT32_MAX, 0, INT32_MIN, -2, 7, 6};
    struct registry registry;

    registry_init(&registry);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[16];

        snprintf(text, sizeof(text), "%d", ids[i]);
        ck_assert_int_eq(registry_put(&registry, ids[i], text, strlen(text)), 0);
        for (size_t j = 0; j <= i; j++)
            ck_assert_int_eq(atoi(registry_get(&registry, ids[j])->text), ids[j]);
        ck_assert_ptr_null(registry_get(&registry, 12345));
    }
    ck_assert_int_eq(registry_put(&registry, 5, "new", 3), 0);
    ck_assert_str_eq(registry_get(&registry, 5)->text, "new");
    registry_fini(&registry);
}
END_TEST

START_TEST(test_map_against_a_plain_array)
{
    static uint32_t plain[512];
    struct map map;
    unsigned seed = 7;

    map_init(&map);
    for (int i = 0; i < 512; i++)
        plain[i] = MAP_NONE;
    for (int i = 0; i < 100000; i++) {
        unsigned key = (unsigned)rand_r(&seed) % 512;

        if (rand_r(&seed) % 2) {
            plain[key] = (uint32_t)i;
            ck_assert_int_eq(map_put(&map, (uint64_t)key << 40, (uint32_t)i), 0);
        } else {
            plain[key] = MAP_NONE;
            map_remove(&map, (uint64_t)key << 40);
        }
        key = (unsigned)rand_r(&seed) % 512;
        ck_assert_uint_eq(map_get(&map, (uint64_t)key << 40), plain[key]);
    }
    map_fini(&map);
}
END_TEST

START_TEST(test_types_are_found)
{
    const char *older = "kieker.tpmon.monitoringRecord.executions.KiekerExecutionRecord";

    for (int i = 0; i < RECORD_TYPES; i++) {
        const struct record_type *type = record_type((enum record_id)i);

        ck_assert_ptr_eq(record_type_find(type->name, strlen(type->name)), type);
        ck_assert_int_eq(record_type_id(type), i);
        ck_assert_ptr_null(record_type_find(type->name, strlen(type->name) - 1));
    }
    ck_assert_ptr_eq(
        record_type_find(older, strlen(older)), record_type(RECORD_OPERATION_EXECUTION));
    ck_assert_uint_eq(record_type(RECORD_OPERATION_EXECUTION)->size, 44);
    ck_assert_uint_eq(record_type(RECORD_NETWORK_UTILIZATION)->size, 128);
}
END_TEST

/* Keys that a client may choose lie apart in a map, also those that differ in few bits or undo a
 * constant. */
START_TEST(test_homes_of_keys)
{
    enum { KEYS = 4096, SLOTS = 1 << 16 };
    static unsigned char taken[SLOTS];
    uint64_t former = map_secret;

    for (int round = 0; round < 20; round++) {
        for (int shift = 0; shift <= 52; shift++) {
            unsigned homes = 0;

            memset(taken, 0, sizeof(taken));
            for (uint64_t key = 0; key < KEYS; key++) {
                size_t home =
                    map_home(SLOTS - 1, (key << shift) * (round % 2 ? 0xF1DE83E19937733D : 1));

                ck_assert_uint_lt(home, SLOTS);
                homes += taken[home]++ == 0;
            }
            ck_assert_msg(homes > KEYS / 64, "shift %d: %u homes", shift, homes);
        }
        map_draw_secret();
        ck_assert_uint_eq(map_secret & 1, 1);
        ck_assert(map_secret != former);
    }
    map_secret = former;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *real = tcase_create("captures"), *made = tcase_create("made up");
    SRunner *runner = srunner_create(suite);
    int captured = 0, failed;

    while (captures[captured])
        captured++;
    tcase_add_test(made, test_homes_of_keys);
    tcase_add_loop_test(real, test_captures, 0, captured);
    tcase_add_loop_test(real, test_captures_byte_by_byte, 0, captured);
    tcase_set_timeout(real, 120);
    suite_add_tcase(suite, real);
    tcase_add_loop_test(made, test_every_type_round_trip, 0, RECORD_TYPES);
    tcase_add_test(made, test_faults);
    tcase_add_test(made, test_random_bytes);
    tcase_add_test(made, test_longest_text);
    tcase_add_test(made, test_ids_of_any_kind);
    tcase_add_test(made, test_map_against_a_plain_array);
    tcase_add_test(made, test_types_are_found);
    tcase_set_timeout(made, 60);
    suite_add_tcase(suite, made);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
