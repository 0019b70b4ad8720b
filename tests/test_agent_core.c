/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/agent.h"
#include "agent/core/clock.h"
#include "agent/core/probe.h"
#include "agent/core/stream.h"
#include "agent/core/track.h"
#include "agent/core/writer.h"
#include "record/bytes.h"
#include "record/wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Texts and operations */

START_TEST(texts_are_kept_once)
{
    struct texts texts;
    char text[16];

    texts_init(&texts, 5000);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            int size = snprintf(text, sizeof(text), "text %u", i);

            ck_assert_uint_eq(texts_add(&texts, text, (size_t)size), i);
        }
    }
    ck_assert_uint_eq(texts_add(&texts, "one more", 8), TEXTS_NONE);
    ck_assert_uint_eq(texts_add(&texts, "text 7", 6), 7);
    ck_assert_str_eq(texts_get(&texts, 4999)->bytes, "text 4999");
    ck_assert_uint_eq(texts_get(&texts, 4999)->size, 9);
    texts_fini(&texts);
}
END_TEST

START_TEST(texts_may_be_empty_and_hold_nul)
{
    struct texts texts;

    texts_init(&texts, 10);
    ck_assert_uint_eq(texts_add(&texts, "", 0), 0);
    ck_assert_uint_eq(texts_add(&texts, "a\0b", 3), 1);
    ck_assert_uint_eq(texts_add(&texts, "a", 1), 2);
    ck_assert_uint_eq(texts_add(&texts, "", 0), 0);
    texts_fini(&texts);
}
END_TEST

static void *add_texts(void *argument)
{
    struct texts *texts = argument;
    char text[16];

    for (int i = 0; i < 20000; i++) {
        int size = snprintf(text, sizeof(text), "%d", i % 3000);
        uint32_t number = texts_add(texts, text, (size_t)size);

        ck_assert_str_eq(texts_get(texts, number)->bytes, text);
    }
    return NULL;
}

START_TEST(texts_are_added_by_many_threads)
{
    struct texts texts;
    pthread_t threads[4];

    texts_init(&texts, TEXTS_MAX);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_texts, &texts), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(texts.count, 3000);
    texts_fini(&texts);
}
END_TEST

START_TEST(operations_are_pairs)
{
    struct operations operations;
    char name[OPERATIONS_NAME_MAX + 10];
    uint32_t number;

    operations_init(&operations);
    ck_assert_uint_eq(operations_add(&operations, "f", 1, "m", 1), 0);
    ck_assert_uint_eq(operations_add(&operations, "m", 1, "f", 1), 1);
    ck_assert_uint_eq(operations_add(&operations, "f", 1, "m", 1), 0);
    ck_assert_uint_eq(operations.texts.count, 2);
    memset(name, 'x', sizeof(name));
    memcpy(name + OPERATIONS_NAME_MAX - 1, "\xC3\xBC", 2);
    number = operations_add(&operations, name, sizeof(name), "m", 1);
    ck_assert_uint_eq(texts_get(&operations.texts, operations_get(&operations, number)->name)->size,
        OPERATIONS_NAME_MAX - 1);
    operations_fini(&operations);
}
END_TEST

/* The clock */

START_TEST(clock_follows_the_wall)
{
    struct clock clock;
    struct timespec now, nap = {.tv_nsec = 20000000};
    int64_t before, after, wall;

    clock_init(&clock);
    for (int i = 0; i < 5; i++) {
        nanosleep(&nap, NULL);
        clock_refine(&clock);
        clock_gettime(CLOCK_REALTIME, &now);
        before = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
        wall = clock_wall(&clock, clock_ticks());
        clock_gettime(CLOCK_REALTIME, &now);
        after = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
        ck_assert_int_gt(wall, before - 100000000);
        ck_assert_int_lt(wall, after + 100000000);
    }
}
END_TEST

START_TEST(clock_counts_both_ways)
{
    struct clock clock = {.ticks = 1000, .wall = 5000000000, .rate = 1ull << 31};

    ck_assert_int_eq(clock_wall(&clock, 1000), 5000000000);
    ck_assert_int_eq(clock_wall(&clock, 3000), 5000001000);
    ck_assert_int_eq(clock_wall(&clock, 0), 4999999500);
    clock.ticks = 1ull << 63;
    ck_assert_int_eq(clock_wall(&clock, (1ull << 63) + (1ull << 62)), 5000000000 + (1ll << 61));
}
END_TEST

/* Tracks and the stream, read back by the reader that the collector has */

struct event {
    enum record_id type;
    int64_t trace, at;
    int32_t order;
    char operation[32], cause[64];
};

#define EVENTS_MAX 64

static struct fixture {
    struct operations operations;
    struct texts causes;
    struct stream_source source;
    struct stream stream;
    unsigned char buffer[STREAM_BYTES];
    struct clock clock;
    struct track_sink sink;
    struct track track;
    struct wire wire;
    struct event events[EVENTS_MAX];
    int count, traces;
    uint64_t ticks;
} f;

static void copy_text(char *to, size_t size, const struct record *record, unsigned field)
{
    const struct registry_entry *entry = record_string(record, field);

    ck_assert_ptr_nonnull(entry);
    snprintf(to, size, "%s", entry->text);
}

/* Reads what the stream has in its buffer into f.events. */
static void read_stream(void)
{
    const unsigned char *at = f.stream.buffer, *end = at + f.stream.used;
    enum wire_item item;

    while ((item = wire_next(&f.wire, &at, end, 0)) != WIRE_NEED_MORE) {
        const struct record *record = &f.wire.record;
        struct event *event = &f.events[f.count];

        ck_assert_msg(item != WIRE_FAILED, "%s", f.wire.error);
        if (item == WIRE_ENTRY)
            continue;
        ck_assert_int_eq(record->logged, RECORD_NOT_LOGGED);
        if (record_type_id(record->type) == RECORD_TRACE_METADATA) {
            ck_assert_int_eq(record_i64(record, META_TRACE), record_i64(record, META_PARENT_TRACE));
            ck_assert_int_eq(record_i32(record, META_PARENT_ORDER), -1);
            f.traces++;
        }
        if (record->type->role != ROLE_BEFORE && record->type->role != ROLE_AFTER &&
            record->type->role != ROLE_FAILED)
            continue;
        ck_assert_int_lt(f.count, EVENTS_MAX);
        event->type = record_type_id(record->type);
        event->trace = record_i64(record, EVENT_TRACE);
        event->at = record_i64(record, EVENT_TIMESTAMP);
        event->order = record_i32(record, EVENT_ORDER);
        copy_text(event->operation, sizeof(event->operation), record, EVENT_OPERATION);
        event->cause[0] = '\0';
        if (record->type->role == ROLE_FAILED)
            copy_text(event->cause, sizeof(event->cause), record, EVENT_CAUSE);
        f.count++;
    }
    ck_assert_ptr_eq(at, end);
    stream_taken(&f.stream);
}

static void on_full(struct track_sink *sink)
{
    (void)sink;
    stream_taken(&f.stream);
}

static void connect_stream(void)
{
    wire_fini(&f.wire);
    wire_init(&f.wire);
    stream_restart(&f.stream);
    f.sink.stream = &f.stream;
    f.sink.session++;
}

static void set_up(void)
{
    memset(&f, 0, sizeof(f));
    operations_init(&f.operations);
    texts_init(&f.causes, 100);
    ck_assert_uint_eq(texts_add(&f.causes, "unseen", 6), 0);
    ck_assert_uint_eq(texts_add(&f.causes, "E(1)", 4), 1);
    for (char c = 'a'; c <= 'e'; c++)
        operations_add(&f.operations, &c, 1, "module", 6);
    f.source = (struct stream_source){&f.operations, &f.causes, "host"};
    stream_init(&f.stream, &f.source);
    stream_use(&f.stream, f.buffer);
    f.clock = (struct clock){.wall = 1000000, .rate = 1ull << 32};
    f.sink.clock = &f.clock;
    f.sink.operations = &f.operations;
    f.sink.next_trace = 1ll << 40;
    f.sink.on_full = on_full;
    track_init(&f.track, 77);
    connect_stream();
}

static void tear_down(void)
{
    track_fini(&f.track);
    stream_fini(&f.stream);
    wire_fini(&f.wire);
    texts_fini(&f.causes);
    operations_fini(&f.operations);
}

static void apply(enum ring_kind kind, uint32_t operation, uint32_t cause)
{
    struct ring_entry entry = {f.ticks++, RING_WORD(kind, operation, cause)};

    track_apply(&f.track, &f.sink, &entry);
}

/* Letters: a..e begin that operation, A..E end it, ! fails the one whose letter follows. Digits: so
 * many ends were not seen. */
static void play(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '!')
            apply(RING_FAILED, (uint32_t)(*++text - 'A'), 1);
        else if (*text >= '0' && *text <= '9')
            apply(RING_UNSEEN, (uint32_t)(*text - '0'), 0);
        else if (*text >= 'a')
            apply(RING_ENTER, (uint32_t)(*text - 'a'), 0);
        else
            apply(RING_LEAVE, (uint32_t)(*text - 'A'), 0);
    }
    read_stream();
}

/* What was read, in play's letters with ? before an end that was made up, and | between traces;
 * checks the order on the way. */
static const char *heard(void)
{
    static char text[4 * EVENTS_MAX];
    int used = 0, order = 0, depth = 0;

    for (int i = 0; i < f.count; i++) {
        const struct event *event = &f.events[i];
        int begins = event->type == RECORD_BEFORE_OPERATION;

        if (i > 0 && event->trace != f.events[i - 1].trace) {
            ck_assert_int_eq(depth, 0);
            order = 0;
            text[used++] = '|';
        }
        ck_assert_int_eq(event->order, order++);
        depth += begins ? 1 : -1;
        ck_assert_int_ge(depth, 0);
        if (event->cause[0] != '\0')
            text[used++] = strcmp(event->cause, "unseen") == 0 ? '?' : '!';
        text[used++] = (char)(begins ? event->operation[0] : event->operation[0] - 'a' + 'A');
    }
    text[used] = '\0';
    f.count = 0;
    return text;
}

static const struct {
    const char *played, *heard;
    uint64_t unmatched;
} plays[] = {
    {"aA", "aA", 0},
    {"abBcCA", "abBcCA", 0},
    {"aAbB", "aA|bB", 0},
    {"aaaAAA", "aaaAAA", 0},
    {"a!AA", "a!A", 0},
    {"ab!BB!AA", "ab!B!A", 0},
    {"a!AbBA", "abB!A", 0},
    {"AB", "", 2},
    {"Aa!B!CA", "aA", 3},
    {"abcA", "abc?C?BA", 2},
    {"abc!AA", "abc?C?B!A", 2},
    {"abCBA", "abBA", 1},
    {"abc2A", "abc?C?BA", 2},
    {"ab!B1A", "ab!BA", 1},
    {"ab9cC", "ab?B?A|cC", 2},
    {"aab2bB", "aab?B?AbB", 2},
};

START_TEST(traces_are_valid)
{
    play(plays[_i].played);
    ck_assert_str_eq(heard(), plays[_i].heard);
    ck_assert_uint_eq(f.sink.unmatched, plays[_i].unmatched);
    ck_assert_uint_eq(f.sink.lost, 0);
}
END_TEST

START_TEST(open_calls_begin_anew_on_a_new_connection)
{
    play("abB");
    ck_assert_int_eq(f.traces, 1);
    f.sink.stream = NULL;
    f.sink.session++;
    play("cC");
    ck_assert_uint_eq(f.sink.lost, 2);
    play("c");
    ck_assert_uint_eq(f.sink.lost, 3);
    f.count = 0;
    connect_stream();
    play("dD");
    /* c, which is open, is not lost after all. */
    ck_assert_uint_eq(f.sink.lost, 2);
    play("CA");
    ck_assert_str_eq(heard(), "acdDCA");
    ck_assert_int_eq(f.traces, 2);
    play("eE");
    ck_assert_str_eq(heard(), "eE");
}
END_TEST

START_TEST(nothing_is_announced_without_need)
{
    play("abB");
    f.sink.stream = NULL;
    play("A");
    connect_stream();
    f.traces = 0;
    f.count = 0;
    play("");
    ck_assert_int_eq(f.traces, 0);
    ck_assert_uint_eq(f.sink.lost, 1);
}
END_TEST

START_TEST(time_never_goes_back)
{
    play("ab");
    f.clock.wall -= 500000;
    play("BA");
    ck_assert_int_eq(f.count, 4);
    for (int i = 1; i < 4; i++)
        ck_assert_int_ge(f.events[i].at, f.events[i - 1].at);
}
END_TEST

START_TEST(deep_stacks_grow)
{
    for (int i = 0; i < 100000; i++)
        apply(RING_ENTER, 0, 0);
    for (int i = 0; i < 100000; i++)
        apply(RING_LEAVE, 0, 0);
    ck_assert_uint_eq(f.track.depth, 0);
    ck_assert_uint_eq(f.sink.unmatched, 0);
    ck_assert_uint_eq(f.track.order, 200000);
}
END_TEST

START_TEST(many_operations_and_long_names)
{
    char name[OPERATIONS_NAME_MAX];

    memset(name, 'n', sizeof(name));
    stream_taken(&f.stream);
    for (int i = 0; i < 5000; i++) {
        uint32_t operation;

        snprintf(name, 16, "%d", i);
        name[strlen(name)] = 'n';
        operation = operations_add(&f.operations, name, sizeof(name), name, sizeof(name));
        ck_assert_uint_ne(operation, OPERATIONS_NONE);
        apply(RING_ENTER, operation, 0);
        apply(RING_LEAVE, operation, 0);
        ck_assert_uint_le(f.stream.used, STREAM_BYTES);
    }
}
END_TEST

/* Values of a record as stream_put_loose takes them: numbers that differ, a short and a long
 * string, arrays of two. */
static size_t make_values(const struct record_type *type, unsigned char *values)
{
    unsigned char *at = values;

    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;
        uint32_t size = i % 2 == 0 ? 5 : 1000;

        if (field == FIELD_BOOL)
            *at++ = 1;
        else if (field == FIELD_I32)
            at = bytes_put32(at, 1000 + i);
        else if (field == FIELD_I64 || field == FIELD_F64)
            at = bytes_put64(at, 2000 + i);
        else if (field == FIELD_STRS)
            at = bytes_put32(at, 2);
        if (field != FIELD_STR && field != FIELD_STRS)
            continue;
        for (int k = field == FIELD_STRS ? 2 : 1; k > 0; k--) {
            at = bytes_put32(at, size);
            memset(at, 'a' + (int)i, size);
            at += size;
        }
    }
    return (size_t)(at - values);
}

static void check_values(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    unsigned strings = 0;

    while (record_next_value(&cursor)) {
        enum record_field_type field = record->type->fields[cursor.field].type;
        const struct registry_entry *entry;

        if (field == FIELD_BOOL)
            ck_assert_int_eq(*cursor.at, 1);
        else if (field == FIELD_I32)
            ck_assert_uint_eq(bytes_get32(cursor.at), 1000 + cursor.field);
        else if (field == FIELD_I64 || field == FIELD_F64)
            ck_assert_uint_eq(bytes_get64(cursor.at), 2000 + cursor.field);
        if (field != FIELD_STR && field != FIELD_STRS)
            continue;
        entry = registry_get(record->registry, (int32_t)bytes_get32(cursor.at));
        ck_assert_ptr_nonnull(entry);
        ck_assert_uint_eq(entry->length, cursor.field % 2 == 0 ? 5 : 1000);
        ck_assert_int_eq(entry->text[entry->length - 1], 'a' + (int)cursor.field);
        strings++;
    }
    ck_assert_uint_le(strings, 2 * RECORD_FIELDS_MAX);
}

/* The records in the buffer, as stream_item finds them. */
static uint64_t count_items(void)
{
    const unsigned char *at = f.stream.buffer, *end = at + f.stream.used;
    struct stream_item item;
    uint64_t records = 0;

    for (; at < end; at = item.end) {
        stream_item(&f.stream, at, &item);
        records += item.type != NULL && item.is_counted;
    }
    ck_assert_ptr_eq(at, end);
    return records;
}

START_TEST(records_of_every_type)
{
    static unsigned char values[STREAM_LOOSE_MAX];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < RECORD_TYPES; i++) {
            const struct record_type *type = record_type((enum record_id)i);
            size_t size = make_values(type, values);
            const unsigned char *at = f.stream.buffer;
            enum wire_item item;

            stream_put_loose(&f.stream, (enum record_id)i, values, size);
            ck_assert_uint_le(f.stream.used, stream_loose_room(size) + 2000);
            ck_assert_uint_eq(count_items(), f.stream.records);
            while ((item = wire_next(&f.wire, &at, f.stream.buffer + f.stream.used, 1)) !=
                   WIRE_NEED_MORE)
                ck_assert_msg(item != WIRE_FAILED, "%s", f.wire.error);
            ck_assert_ptr_eq(f.wire.record.type, type);
            check_values(&f.wire.record);
            stream_taken(&f.stream);
        }
        connect_stream();
    }
}
END_TEST

/* The writer */

START_TEST(writer_reads_addresses)
{
    static const struct {
        const char *text, *host, *port;
    } rows[] = {
        {"tcp://localhost:10133", "localhost", "10133"},
        {"tcp://127.0.0.1:1", "127.0.0.1", "1"},
        {"tcp://[::1]:65535", "::1", "65535"},
        {"tcp://host", NULL, NULL},
        {"tcp://host:", NULL, NULL},
        {"tcp://host:0", NULL, NULL},
        {"tcp://host:65536", NULL, NULL},
        {"tcp://host:1x", NULL, NULL},
        {"tcp://:5", NULL, NULL},
        {"files:/x", NULL, NULL},
        {"file:", NULL, NULL},
        {"nullify", NULL, NULL},
        {"", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct writer writer;
        int read = writer_init(&writer, rows[i].text);

        ck_assert_msg(read == (rows[i].host != NULL ? 0 : -1), "%s", rows[i].text);
        if (read == 0) {
            ck_assert_str_eq(writer.tcp.host, rows[i].host);
            ck_assert_str_eq(writer.tcp.port, rows[i].port);
        } else {
            ck_assert_str_ne(writer.error, "");
        }
        writer_fini(&writer);
    }
}
END_TEST

/* The whole agent, against a socket; each test in a process of its own */

struct sink {
    int listener, pause_us;
    char address[64];
    struct wire wire;
    uint64_t records, depth_most;
    int64_t lost;
    struct map depths; /* of traces, by id */
    pthread_t thread;
};

static void check_event(struct sink *sink, const struct record *record)
{
    uint64_t trace;
    uint32_t depth;

    if (record->type->role == ROLE_TRACE_METADATA) {
        trace = (uint64_t)record_i64(record, META_TRACE);
        ck_assert_uint_eq(map_get(&sink->depths, trace), MAP_NONE);
        map_put(&sink->depths, trace, 0);
        return;
    }
    if (record->type->role == ROLE_METADATA)
        return;
    trace = (uint64_t)record_i64(record, EVENT_TRACE);
    depth = map_get(&sink->depths, trace);
    ck_assert_uint_ne(depth, MAP_NONE);
    ck_assert(record->type->role == ROLE_BEFORE || depth > 0);
    depth += record->type->role == ROLE_BEFORE ? 1 : -1u;
    map_put(&sink->depths, trace, depth);
    if (depth > sink->depth_most)
        sink->depth_most = depth;
    sink->records++;
}

static void read_item(struct sink *sink, enum wire_item item)
{
    static const char counters[] = "kieker:counters dropped_ring_full=";

    ck_assert_msg(item != WIRE_FAILED, "%s", sink->wire.error);
    if (item == WIRE_RECORD)
        check_event(sink, &sink->wire.record);
    else if (strncmp(sink->wire.entry->text, counters, strlen(counters)) == 0)
        sink->lost = strtoll(sink->wire.entry->text + strlen(counters), NULL, 10);
}

static void *run_sink(void *argument)
{
    struct sink *sink = argument;
    static unsigned char buffer[1 << 20];
    size_t used = 0;
    int peer = accept(sink->listener, NULL, NULL);
    ssize_t got;

    ck_assert_int_ge(peer, 0);
    while ((got = read(peer, buffer + used, sizeof(buffer) - used)) > 0) {
        const unsigned char *at = buffer;
        enum wire_item item;

        used += (size_t)got;
        while ((item = wire_next(&sink->wire, &at, buffer + used, 0)) != WIRE_NEED_MORE)
            read_item(sink, item);
        used -= (size_t)(at - buffer);
        memmove(buffer, at, used);
        if (sink->pause_us > 0)
            usleep((useconds_t)sink->pause_us);
    }
    ck_assert_uint_eq(used, 0);
    close(peer);
    return NULL;
}

static void open_sink(struct sink *sink)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    wire_init(&sink->wire);
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(sink->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(sink->listener, 4), 0);
    ck_assert_int_eq(getsockname(sink->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(sink->address, sizeof(sink->address), "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    ck_assert_int_eq(pthread_create(&sink->thread, NULL, run_sink, sink), 0);
}

static void close_sink(struct sink *sink)
{
    pthread_join(sink->thread, NULL);
    for (size_t i = 0; sink->depths.slots != NULL && i <= sink->depths.mask; i++)
        if (sink->depths.slots[i].value != MAP_NONE)
            ck_assert_uint_eq(sink->depths.slots[i].value, 0);
    map_fini(&sink->depths);
    wire_fini(&sink->wire);
    close(sink->listener);
}

static void start_agent(const char *writer, enum agent_when_full when_full)
{
    struct agent_options options = {
        .writer = writer, .when_full = when_full, .language = "c", .run = "a test", .program = "p"};
    char error[200] = "";

    ck_assert_msg(agent_start(&options, error, sizeof(error)) == 0, "%s", error);
    ck_assert_int_eq(agent_start(&options, error, sizeof(error)), -1);
}

#define SECONDS 1000000000u
#define CALLS 200000

static void *record_calls(void *argument)
{
    uint32_t outer = agent_operation("outer", 5, "c", 1),
             inner = agent_operation("inner", 5, "c", 1);

    (void)argument;
    for (int i = 0; i < CALLS / 4; i++) {
        probe_enter(outer);
        for (int k = 0; k < 3; k++) {
            probe_enter(inner);
            if (i % 16 == 0)
                probe_failed(inner, agent_cause("E(2)", 4));
            probe_leave(inner);
        }
        probe_leave(outer);
    }
    return NULL;
}

static void record_with_threads(int count)
{
    pthread_t threads[8];

    for (int i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, record_calls, NULL), 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(nothing_is_lost_when_probes_wait)
{
    struct sink sink = {.pause_us = 200};
    struct agent_stats stats;

    open_sink(&sink);
    start_agent(sink.address, AGENT_BLOCK);
    record_with_threads(5);
    agent_stop(60ull * SECONDS);
    close_sink(&sink);
    ck_assert_uint_eq(sink.records, 5 * 2 * CALLS);
    ck_assert_uint_eq(sink.depth_most, 2);
    agent_stats(&stats);
    ck_assert_uint_eq(stats.sent, 5 * 2 * CALLS);
    ck_assert_uint_eq(stats.unmatched, 0);
    ck_assert_uint_eq(
        stats.dropped_ring_full + stats.dropped_disconnected + stats.dropped_no_memory, 0);
}
END_TEST

START_TEST(what_is_dropped_is_counted)
{
    struct sink sink = {.pause_us = 3000};
    struct agent_stats stats;

    open_sink(&sink);
    start_agent(sink.address, AGENT_DROP);
    record_with_threads(4);
    agent_stop(60ull * SECONDS);
    close_sink(&sink);
    agent_stats(&stats);
    ck_assert_uint_gt(stats.dropped_ring_full, 0);
    ck_assert_uint_eq(stats.sent + stats.dropped_ring_full, 4 * 2 * CALLS);
    ck_assert_uint_eq(sink.records, stats.sent);
    ck_assert_int_eq(sink.lost, (int64_t)stats.dropped_ring_full);
    ck_assert_uint_eq(stats.unmatched, 0);
}
END_TEST

START_TEST(deeper_than_the_ring)
{
    struct sink sink = {.pause_us = 2000};
    uint32_t operation = agent_operation("deep", 4, "c", 1);
    const uint64_t depth = 3 * RING_ENTRIES;

    open_sink(&sink);
    start_agent(sink.address, _i ? AGENT_DROP : AGENT_BLOCK);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < depth; i++)
            probe_enter(operation);
        for (uint64_t i = 0; i < depth; i++)
            probe_leave(operation);
    }
    agent_stop(60ull * SECONDS);
    close_sink(&sink);
    if (_i == 0)
        ck_assert_uint_eq(sink.records, 3 * 2 * depth);
}
END_TEST

START_TEST(probes_do_nothing_before_the_start_and_after_the_end)
{
    uint32_t operation = agent_operation("f", 1, "c", 1);
    struct agent_stats stats;

    probe_enter(operation);
    probe_failed(operation, agent_cause("x", 1));
    probe_leave(operation);
    start_agent("null", AGENT_BLOCK);
    probe_enter(operation);
    probe_leave(operation);
    agent_stop(SECONDS);
    for (int i = 0; i < 100000; i++) {
        probe_enter(operation);
        probe_leave(operation);
    }
    agent_stop(SECONDS);
    agent_stats(&stats);
    ck_assert_uint_eq(stats.sent, 2);
    ck_assert_uint_eq(stats.dropped_ring_full, 0);
}
END_TEST

START_TEST(rings_of_ended_threads_are_used_again)
{
    uint32_t operation = agent_operation("f", 1, "c", 1);
    struct agent_stats stats;

    start_agent("null", AGENT_BLOCK);
    probe_enter(operation);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, record_calls, NULL), 0);
        pthread_join(thread, NULL);
    }
    probe_leave(operation);
    agent_stop(20ull * SECONDS);
    agent_stats(&stats);
    ck_assert_uint_eq(stats.sent, 2 + 50 * 2 * CALLS);
    ck_assert_uint_le(stats.threads, 3);
}
END_TEST

START_TEST(a_forked_child_begins_anew)
{
    uint32_t operation = agent_operation("f", 1, "c", 1);
    struct agent_stats stats;
    int status;
    pid_t pid;

    start_agent("null", AGENT_BLOCK);
    probe_enter(operation);
    for (int i = 0; i < 1000; i++) {
        probe_enter(operation);
        probe_leave(operation);
    }
    for (int round = 0; round < 5; round++) {
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            for (int i = 0; i < 100; i++) {
                probe_enter(operation);
                probe_leave(operation);
            }
            probe_leave(operation);
            agent_stop(5ull * SECONDS);
            agent_stats(&stats);
            _exit(stats.sent == 200 && stats.unmatched == 1 ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        probe_enter(operation);
        probe_leave(operation);
    }
    probe_leave(operation);
    agent_stop(5ull * SECONDS);
    agent_stats(&stats);
    ck_assert_uint_eq(stats.sent, 2 + 2000 + 10);
}
END_TEST

START_TEST(a_wrong_writer_is_refused)
{
    struct agent_options options = {
        .writer = "nonsense", .language = "c", .run = "", .program = ""};
    char error[200] = "";

    ck_assert_int_eq(agent_start(&options, error, sizeof(error)), -1);
    ck_assert_ptr_nonnull(strstr(error, "tcp://"));
    ck_assert(!agent_is_running());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agent core");
    TCase *tables = tcase_create("tables and clock"), *tracks = tcase_create("tracks"),
          *whole = tcase_create("whole");
    SRunner *runner;
    int failed;

    tcase_add_test(tables, texts_are_kept_once);
    tcase_add_test(tables, texts_may_be_empty_and_hold_nul);
    tcase_add_test(tables, texts_are_added_by_many_threads);
    tcase_add_test(tables, operations_are_pairs);
    tcase_add_test(tables, clock_follows_the_wall);
    tcase_add_test(tables, clock_counts_both_ways);
    tcase_add_test(tables, writer_reads_addresses);
    suite_add_tcase(suite, tables);
    tcase_add_checked_fixture(tracks, set_up, tear_down);
    tcase_add_loop_test(tracks, traces_are_valid, 0, (int)(sizeof(plays) / sizeof(plays[0])));
    tcase_add_test(tracks, open_calls_begin_anew_on_a_new_connection);
    tcase_add_test(tracks, nothing_is_announced_without_need);
    tcase_add_test(tracks, time_never_goes_back);
    tcase_add_test(tracks, deep_stacks_grow);
    tcase_add_test(tracks, many_operations_and_long_names);
    tcase_add_test(tracks, records_of_every_type);
    suite_add_tcase(suite, tracks);
    tcase_set_timeout(whole, 120);
    tcase_add_test(whole, nothing_is_lost_when_probes_wait);
    tcase_add_test(whole, what_is_dropped_is_counted);
    tcase_add_loop_test(whole, deeper_than_the_ring, 0, 2);
    tcase_add_test(whole, probes_do_nothing_before_the_start_and_after_the_end);
    tcase_add_test(whole, rings_of_ended_threads_are_used_again);
    tcase_add_test(whole, a_forked_child_begins_anew);
    tcase_add_test(whole, a_wrong_writer_is_refused);
    suite_add_tcase(suite, whole);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
