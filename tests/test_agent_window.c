/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent keeps until it is stored: answers, window, preamble. Streams are read back by the
 * reader that the collector has. */
#include "agent/core/answers.h"
#include "agent/core/preamble.h"
#include "agent/core/window.h"
#include "record/bytes.h"
#include "record/wire.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Answers */

static struct answers answers;
static char text[TALK_TEXT_MAX + 1];

static void say(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    while (size > 0) {
        size_t room, portion;
        unsigned char *to = answers_room(&answers, &room);

        ck_assert_uint_gt(room, 0);
        portion = size < room ? size : room;
        memcpy(to, at, portion);
        answers_put(&answers, portion);
        at += portion;
        size -= portion;
    }
}

START_TEST(answers_come_in_pieces)
{
    unsigned char bytes[200];
    size_t size =
        (size_t)(wire_put_entry(wire_put_entry(bytes, 0, "kieker:x a=1", 12), 0, "", 0) - bytes);
    int found = 0;

    answers_begin(&answers);
    for (size_t i = 0; i < size; i++) {
        ck_assert_int_eq(answers_next(&answers, text), 0);
        say(bytes + i, 1);
        if (i + 1 == 24) {
            ck_assert_int_eq(answers_next(&answers, text), 1);
            ck_assert_str_eq(text, "kieker:x a=1");
            found++;
        }
    }
    ck_assert_int_eq(answers_next(&answers, text), 1);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(answers_next(&answers, text), 0);
    ck_assert_int_eq(found, 1);
}
END_TEST

START_TEST(the_longest_answer_fits)
{
    static unsigned char bytes[3 * (ANSWERS_HEAD + TALK_TEXT_MAX)];
    static char longest[TALK_TEXT_MAX];
    unsigned char *end = bytes;

    memset(longest, 'x', sizeof(longest));
    end = wire_put_entry(end, 0, longest, sizeof(longest));
    answers_begin(&answers);
    for (int i = 0; i < 3; i++) {
        say(bytes, 100);
        ck_assert_int_eq(answers_next(&answers, text), 0);
        say(bytes + 100, (size_t)(end - bytes) - 100);
        ck_assert_int_eq(answers_next(&answers, text), 1);
        ck_assert_uint_eq(strlen(text), TALK_TEXT_MAX);
    }
}
END_TEST

/* Each as what a peer says first, and as what it says after an entry. */
static const struct {
    const char *bytes;
    size_t size;
} nonsense[] = {
    {"HTTP/1.1 400 Bad Request\r\n", 26},
    {"\0\0\0\0\0\0\0\0", 8},
    {"\xFF\xFF\xFF\xFF\0\0\0\1\0\0\0\0", 12},
    {"\xFF\xFF\xFF\xFF\0\0\0\0\0\0\x10\1", 12},
    {"\xFF\xFF\xFF\xFF\0\0\0\0\xFF\xFF\xFF\xFF", 12},
};

START_TEST(nonsense_is_none_of_ours)
{
    static char much[3 * sizeof(answers.bytes)];
    unsigned char entry[20];

    answers_begin(&answers);
    say(nonsense[_i].bytes, nonsense[_i].size);
    ck_assert_int_eq(answers_next(&answers, text), 0);
    /* Not even what would be an entry is listened to. */
    say(entry, (size_t)(wire_put_entry(entry, 0, "k", 1) - entry));
    ck_assert_int_eq(answers_next(&answers, text), 0);
    say(much, sizeof(much));
    ck_assert_int_eq(answers_next(&answers, text), 0);

    answers_begin(&answers);
    say(entry, (size_t)(wire_put_entry(entry, 0, "k", 1) - entry));
    ck_assert_int_eq(answers_next(&answers, text), 1);
    say(nonsense[_i].bytes, nonsense[_i].size);
    ck_assert_int_eq(answers_next(&answers, text), -1);
}
END_TEST

/* The window */

#define OPERATIONS 50

static struct fixture {
    struct operations operations;
    struct texts causes;
    struct stream_source source;
    struct stream stream;
    struct window window;
    uint32_t seed;
    uint32_t events; /* that were put */
} f;

static uint32_t random_below(uint32_t limit)
{
    f.seed = f.seed * 1664525u + 1013904223u;
    return (f.seed >> 8) % limit;
}

static void set_up(void)
{
    char name[32];

    memset(&f, 0, sizeof(f));
    f.seed = getenv("KIEKER_SEED") != NULL ? (uint32_t)strtoul(getenv("KIEKER_SEED"), NULL, 10)
                                           : (uint32_t)time(NULL);
    operations_init(&f.operations);
    texts_init(&f.causes, 100);
    texts_add(&f.causes, "unseen", 6);
    texts_add(&f.causes, "E(1)", 4);
    for (int i = 0; i < OPERATIONS; i++) {
        int size = snprintf(name, sizeof(name), "operation.%d", i);

        operations_add(&f.operations, name, (size_t)size, name, (size_t)(size - i % 3));
    }
    f.source = (struct stream_source){&f.operations, &f.causes, "host"};
    stream_init(&f.stream, &f.source);
    ck_assert_int_eq(window_init(&f.window, &f.stream), 0);
    window_begin(&f.window);
    stream_restart(&f.stream);
}

static void tear_down(void)
{
    window_fini(&f.window);
    stream_fini(&f.stream);
    texts_fini(&f.causes);
    operations_fini(&f.operations);
}

/* A record of any type with two texts, one of which no stream remembers. */
static void put_loose(void)
{
    static unsigned char values[STREAM_LOOSE_MAX];
    unsigned char *at = values;
    const struct record_type *type = record_type(RECORD_AFTER_OPERATION_FAILED);

    for (unsigned i = 0; i < type->field_count; i++) {
        uint32_t size = i % 2 == 0 ? 10 : 300 + random_below(500);

        if (type->fields[i].type == FIELD_I32) {
            at = bytes_put32(at, f.events);
        } else if (type->fields[i].type == FIELD_I64) {
            at = bytes_put64(at, f.events);
        } else {
            at = bytes_put32(at, size);
            memset(at, 'a' + (int)random_below(26), size);
            at += size;
        }
    }
    stream_put_loose(&f.stream, RECORD_AFTER_OPERATION_FAILED, values, (size_t)(at - values));
}

/* One record that is counted, and now and then others before it. */
static void put_something(void)
{
    uint32_t kind = random_below(20), operation = random_below(1 + f.events / 100 % OPERATIONS);

    if (STREAM_BYTES - f.stream.used < stream_loose_room(STREAM_LOOSE_MAX))
        ck_assert_int_eq(window_next(&f.window), 1);
    if (kind == 0)
        stream_put_trace(&f.stream, f.events, 1, f.events, STREAM_NO_PARENT);
    if (kind == 1)
        stream_put_text(&f.stream, "kieker:counters x=1");
    if (kind == 2)
        put_loose();
    else if (kind == 3)
        stream_put_execution(&f.stream, f.events, operation, 1, 2, f.events, 0);
    else if (kind == 4)
        stream_put_event(&f.stream, STREAM_FAILED, 1, 7, f.events, operation, 1);
    else
        stream_put_event(&f.stream, STREAM_BEFORE, 1, 7, f.events, operation, 0);
    f.events++;
}

/* Writes all there is to `to`; how many bytes. */
static size_t write_out(unsigned char *to)
{
    const unsigned char *bytes;
    size_t size, written = 0;

    while (window_unwritten(&f.window, &bytes, &size)) {
        /* In portions, as a socket takes them. */
        if (size > 100000)
            size = 1 + random_below(100000);
        memcpy(to + written, bytes, size);
        window_wrote(&f.window, size);
        written += size;
    }
    return written;
}

/* What a record says, strings and all, as a number. */
static uint64_t digest(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    uint64_t digest = 14695981039346656037u;

    while (record_next_value(&cursor)) {
        enum record_field_type field = record->type->fields[cursor.field].type;
        const char *bytes = (const char *)cursor.at;
        size_t size = field == FIELD_I64 || field == FIELD_F64 ? 8 : field == FIELD_I32 ? 4 : 1;

        if (field == FIELD_STR || field == FIELD_STRS) {
            const struct registry_entry *entry =
                registry_get(record->registry, (int32_t)bytes_get32(cursor.at));

            ck_assert_ptr_nonnull(entry);
            bytes = entry->text;
            size = entry->length;
        }
        for (size_t i = 0; i < size; i++)
            digest = (digest ^ (unsigned char)bytes[i]) * 1099511628211u;
    }
    return digest;
}

/* Reads items into digests[] of records, with the positions of their ends; how many. */
static size_t read_items(struct wire *wire, const unsigned char *bytes, size_t size, uint64_t begin,
    uint64_t *digests, uint64_t *ends)
{
    const unsigned char *at = bytes;
    enum wire_item item;
    size_t count = 0;

    while ((item = wire_next(wire, &at, bytes + size, 1)) != WIRE_NEED_MORE) {
        ck_assert_msg(item != WIRE_FAILED, "%s", wire->error);
        if (item != WIRE_RECORD)
            continue;
        ends[count] = begin + (uint64_t)(at - bytes);
        digests[count++] = digest(&wire->record);
    }
    return count;
}

#define RECORDS 20000
#define BYTES (4u << 20)

/* Wherever a stream goes on, a new reader reads the rest of it as the first one did. */
START_TEST(a_stream_goes_on_anywhere)
{
    static unsigned char bytes[BYTES], again[BYTES];
    static uint64_t digests[2 * RECORDS], ends[2 * RECORDS], more[2 * RECORDS], there[2 * RECORDS];
    struct wire wire;
    size_t size, count, last = 0;
    uint32_t seed = f.seed;

    wire_init(&wire);
    for (int i = 0; i < RECORDS; i++)
        put_something();
    size = write_out(bytes);
    ck_assert_uint_eq(size, window_end(&f.window));
    ck_assert_uint_ge(f.window.count, 3);
    count = read_items(&wire, bytes, size, 0, digests, ends);
    wire_fini(&wire);
    for (uint64_t stored = 0; stored <= size; stored += 1 + random_below(20000)) {
        struct preamble_place place = {.session = "0123456789abcdef0123456789abcdef"};
        unsigned char *preamble;
        size_t preamble_size, rest, read;

        window_release(&f.window, stored);
        window_rewind(&f.window, &place);
        ck_assert_msg(place.position <= stored && place.position >= last, "seed %u", seed);
        last = place.position;
        preamble = preamble_make(&f.stream, "kieker:agent version=2", &place, &preamble_size);
        ck_assert_ptr_nonnull(preamble);
        wire_init(&wire);
        ck_assert_uint_eq(read_items(&wire, preamble, preamble_size, 0, more, there), 0);
        /* All that was announced before, and no more: the ids that come next are new. */
        ck_assert_uint_eq(wire.entries, place.position == 0 ? 1 : place.next_id);
        rest = write_out(again);
        ck_assert_uint_eq(rest, size - place.position);
        ck_assert_int_eq(memcmp(again, bytes + place.position, rest), 0);
        read = read_items(&wire, again, rest, place.position, more, there);
        ck_assert_int_eq(memcmp(more, digests + count - read, read * sizeof(*more)), 0);
        ck_assert_int_eq(memcmp(there, ends + count - read, read * sizeof(*ends)), 0);
        ck_assert_msg(read == count || ends[count - read - 1] <= stored, "seed %u", seed);
        wire_fini(&wire);
        free(preamble);
    }
    ck_assert_uint_eq(f.window.sent, RECORDS);
    ck_assert_uint_eq(f.window.bytes, size);
}
END_TEST

START_TEST(the_hello_says_where_the_stream_goes_on)
{
    struct preamble_place place = {.session = "abc"};
    unsigned char *preamble;
    size_t size;
    char expected[200];

    preamble = preamble_make(&f.stream, "kieker:agent version=2 pid=1", &place, &size);
    ck_assert_uint_eq(bytes_get32(preamble + 4), 0);
    snprintf(expected, sizeof(expected),
        "kieker:agent version=2 pid=1 session=abc position=0 registry=0");
    ck_assert_uint_eq(size, ANSWERS_HEAD + strlen(expected));
    ck_assert_int_eq(memcmp(preamble + ANSWERS_HEAD, expected, strlen(expected)), 0);
    free(preamble);
    place.position = 100;
    place.next_id = f.stream.next_id;
    preamble = preamble_make(&f.stream, "kieker:agent version=2 pid=1", &place, &size);
    snprintf(expected, sizeof(expected),
        "kieker:agent version=2 pid=1 session=abc position=100 registry=%zu",
        size - ANSWERS_HEAD - bytes_get32(preamble + 8));
    ck_assert_uint_eq(bytes_get32(preamble + 8), strlen(expected));
    ck_assert_int_eq(memcmp(preamble + ANSWERS_HEAD, expected, strlen(expected)), 0);
    free(preamble);
    place.session = NULL;
    preamble = preamble_make(&f.stream, "kieker:agent version=2 pid=1", &place, &size);
    ck_assert_uint_eq(bytes_get32(preamble + 8), strlen("kieker:agent version=2 pid=1"));
    free(preamble);
}
END_TEST

static void fill_segment(void)
{
    while (stream_has_room(&f.stream))
        stream_put_event(&f.stream, STREAM_BEFORE, 1, 7, f.events++, 0, 0);
}

START_TEST(the_window_is_bounded)
{
    const unsigned char *bytes;
    uint64_t middle = 0;
    uint32_t before = 0;
    size_t size;

    for (unsigned i = 1; i < WINDOW_SEGMENTS; i++) {
        fill_segment();
        ck_assert_int_eq(window_next(&f.window), 1);
        if (i == WINDOW_SEGMENTS / 2) {
            middle = window_end(&f.window);
            before = f.events;
        }
    }
    fill_segment();
    ck_assert_int_eq(window_next(&f.window), 0);
    /* Nothing is let go that was not written, whatever the peer says. */
    window_release(&f.window, middle);
    ck_assert_int_eq(window_next(&f.window), 0);
    while (window_unwritten(&f.window, &bytes, &size))
        window_wrote(&f.window, size);
    ck_assert_int_eq(window_next(&f.window), 0);
    window_release(&f.window, window_end(&f.window) + 1);
    ck_assert_int_eq(window_next(&f.window), 0);
    window_release(&f.window, middle);
    ck_assert_uint_eq(f.window.count, WINDOW_SEGMENTS / 2);
    ck_assert_uint_eq(window_records_behind(&f.window, middle, NULL), f.events - before);
    /* What has become free last is used first, and what is not used is given back. */
    bytes = f.window.idle[f.window.idle_count - 1];
    ck_assert_int_eq(window_next(&f.window), 1);
    ck_assert_ptr_eq(f.stream.buffer, bytes);
    window_trim(&f.window);
    ck_assert_uint_eq(f.window.idle_least, WINDOW_SEGMENTS / 2 - 1);
    fill_segment();
    ck_assert_int_eq(window_next(&f.window), 1);
    window_trim(&f.window);
    ck_assert_uint_eq(f.window.idle_count, 0);
    fill_segment();
    ck_assert_int_eq(window_next(&f.window), 1);
}
END_TEST

START_TEST(one_segment_does_where_nothing_is_kept)
{
    const unsigned char *bytes, *buffer = f.stream.buffer;
    size_t size;

    for (int i = 0; i < 1000; i++) {
        fill_segment();
        ck_assert_int_eq(window_unwritten(&f.window, &bytes, &size), 1);
        window_wrote(&f.window, size);
        window_release(&f.window, f.window.written);
        ck_assert_uint_eq(f.stream.used, 0);
        ck_assert_ptr_eq(f.stream.buffer, buffer);
    }
    ck_assert_uint_eq(f.window.sent, f.events);
    ck_assert_uint_eq(f.window.bytes, window_end(&f.window));
    ck_assert_uint_eq(f.window.idle_count, 0);
}
END_TEST

/* A stream that is given up counts what was not delivered, and no record twice. */
START_TEST(what_is_dropped_is_counted)
{
    static unsigned char bytes[BYTES];
    static uint64_t digests[2 * RECORDS], ends[2 * RECORDS];
    uint32_t seed = f.seed, before = 0;
    uint64_t lost = 0;

    for (int round = 0; round < 20; round++) {
        uint64_t position, behind = 0;
        struct wire wire;
        size_t size, records;
        unsigned char *preamble;
        struct preamble_place place = {.next_id = 0};

        before = f.events;
        for (uint32_t i = random_below(4000); i > 0; i--)
            put_something();
        size = write_out(bytes);
        wire_init(&wire);
        preamble = preamble_make(&f.stream, "hello", &place, &records);
        read_items(&wire, preamble, records, 0, digests, ends);
        free(preamble);
        records = read_items(&wire, bytes, size, 0, digests, ends);
        wire_fini(&wire);
        /* These were never written. */
        for (int i = 0; i < 10; i++)
            put_something();
        position = random_below((uint32_t)size + 1);
        behind = window_records_behind(&f.window, position, NULL);
        ck_assert_msg(behind >= 10 && behind <= f.events - before, "seed %u", seed);
        lost += window_drop(&f.window, position);
        ck_assert_uint_eq(f.window.sent + lost, f.events);
        ck_assert_uint_eq(f.stream.used, 0);
        stream_restart(&f.stream);
    }
}
END_TEST

START_TEST(the_first_beginnings_are_known)
{
    struct map first = {0};
    uint64_t position;

    stream_put_event(&f.stream, STREAM_BEFORE, 1, 7, 0, 0, 0);
    stream_put_event(&f.stream, STREAM_BEFORE, 1, 8, 0, 0, 0);
    stream_put_event(&f.stream, STREAM_AFTER, 1, 7, 1, 0, 0);
    position = window_end(&f.window);
    stream_put_event(&f.stream, STREAM_BEFORE, 1, 7, 2, 0, 0);
    stream_put_event(&f.stream, STREAM_BEFORE, 1, 7, 3, 0, 0);
    stream_put_event(&f.stream, STREAM_AFTER, 1, 8, 1, 0, 0);
    ck_assert_uint_eq(window_records_behind(&f.window, position, &first), 3);
    ck_assert_uint_eq(map_get(&first, 7), 2);
    ck_assert_uint_eq(map_get(&first, 8), MAP_NONE);
    map_fini(&first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agent window");
    TCase *heard = tcase_create("answers"), *kept = tcase_create("window");
    SRunner *runner;
    int failed;

    tcase_add_test(heard, answers_come_in_pieces);
    tcase_add_test(heard, the_longest_answer_fits);
    tcase_add_loop_test(
        heard, nonsense_is_none_of_ours, 0, (int)(sizeof(nonsense) / sizeof(nonsense[0])));
    suite_add_tcase(suite, heard);
    tcase_add_checked_fixture(kept, set_up, tear_down);
    tcase_set_timeout(kept, 120);
    tcase_add_test(kept, a_stream_goes_on_anywhere);
    tcase_add_test(kept, the_hello_says_where_the_stream_goes_on);
    tcase_add_test(kept, the_window_is_bounded);
    tcase_add_test(kept, one_segment_does_where_nothing_is_kept);
    tcase_add_test(kept, what_is_dropped_is_counted);
    tcase_add_test(kept, the_first_beginnings_are_known);
    suite_add_tcase(suite, kept);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
