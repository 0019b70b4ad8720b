/* SPDX-License-Identifier: Apache-2.0 */
/* The probes' fibers as the sender reads them from the rings: which traces come of them, what
 * started these, what is switched off, what is dropped. Each test is a process of its own. */
#include "agent/core/activation.h"
#include "agent/core/clock.h"
#include "agent/core/drain.h"
#include "agent/core/fiber.h"
#include "agent/core/probe.h"
#include "agent/core/rings.h"
#include "agent/core/stream.h"
#include "agent/core/tracks.h"
#include "record/map.h"
#include "record/wire.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A, B, C, D, OPERATIONS };

static struct fixture {
    struct operations operations;
    struct texts causes;
    struct stream_source source;
    struct stream stream;
    unsigned char buffer[STREAM_BYTES];
    struct clock clock;
    struct track_sink sink;
    struct wire wire;
    char heard[2000];
    uint64_t events, dropped;
    struct map depths; /* of traces, by id */
} f;

static void connect_stream(void)
{
    wire_fini(&f.wire);
    wire_init(&f.wire);
    stream_restart(&f.stream);
    f.sink.stream = &f.stream;
    f.sink.session++;
}

/* Appends to what was heard, as long as that has room: tests with many records look at the numbers.
 */
static void note(const char *text)
{
    if (strlen(f.heard) + strlen(text) + 2 > sizeof(f.heard))
        return;
    if (f.heard[0] != '\0')
        strcat(f.heard, " ");
    strcat(f.heard, text);
}

/* A trace is "2:" or, with its parent and the event there, "2<1.1:". */
static void hear_trace(const struct record *record)
{
    long trace = (long)record_i64(record, META_TRACE),
         parent = (long)record_i64(record, META_PARENT_TRACE);
    int order = record_i32(record, META_PARENT_ORDER);
    char text[64];

    if (order >= 0)
        snprintf(text, sizeof(text), "%ld<%ld.%d:", trace, parent, order);
    else
        snprintf(text, sizeof(text), "%ld:", trace);
    ck_assert(order >= 0 || parent == trace);
    map_put(&f.depths, (uint64_t)trace, 0);
    note(text);
}

/* An event is its trace and the operation, a small letter for its beginning; "1s" a split. */
static void hear_event(const struct record *record)
{
    uint64_t trace = (uint64_t)record_i64(record, EVENT_TRACE);
    uint32_t depth = map_get(&f.depths, trace);
    enum record_role role = record->type->role;
    char text[64];

    ck_assert_uint_ne(depth, MAP_NONE);
    if (role == ROLE_BEFORE || role == ROLE_AFTER || role == ROLE_FAILED) {
        const char *name = record_string(record, EVENT_OPERATION)->text;

        ck_assert(role == ROLE_BEFORE || depth > 0);
        map_put(&f.depths, trace, role == ROLE_BEFORE ? depth + 1 : depth - 1);
        f.events++;
        snprintf(text, sizeof(text), "%s%ld%c", role == ROLE_FAILED ? "?" : "", (long)trace,
            role == ROLE_BEFORE ? name[0] : name[0] - 'a' + 'A');
    } else {
        ck_assert_uint_gt(depth, 0);
        snprintf(text, sizeof(text), "%lds", (long)trace);
    }
    note(text);
}

static void read_stream(void)
{
    const unsigned char *at = f.stream.buffer, *end = at + f.stream.used;
    enum wire_item item;

    while ((item = wire_next(&f.wire, &at, end, 0)) != WIRE_NEED_MORE) {
        ck_assert_msg(item != WIRE_FAILED, "%s", f.wire.error);
        if (item != WIRE_RECORD || f.wire.record.type->role == ROLE_METADATA)
            continue;
        if (f.wire.record.type->role == ROLE_TRACE_METADATA)
            hear_trace(&f.wire.record);
        else
            hear_event(&f.wire.record);
    }
    ck_assert_ptr_eq(at, end);
    stream_taken(&f.stream);
}

static void on_full(struct track_sink *sink)
{
    (void)sink;
    read_stream();
}

/* A round of the sender; what came of it. */
static const char *hear(void)
{
    f.heard[0] = '\0';
    drain_rings(&f.sink, &f.dropped);
    if (f.sink.stream != NULL)
        read_stream();
    return f.heard;
}

static void set_up(void)
{
    operations_init(&f.operations);
    texts_init(&f.causes, 100);
    texts_add(&f.causes, "unseen", 6);
    for (int i = 0; i < OPERATIONS; i++)
        operations_add(&f.operations, &"abcd"[i], 1, "module", 6);
    f.source = (struct stream_source){&f.operations, &f.causes, "host"};
    stream_init(&f.stream, &f.source);
    stream_use(&f.stream, f.buffer);
    clock_init(&f.clock);
    f.sink.clock = &f.clock;
    f.sink.operations = &f.operations;
    f.sink.next_trace = 1;
    f.sink.on_full = on_full;
    f.sink.tracks = tracks_new();
    ck_assert_ptr_nonnull(f.sink.tracks);
    ck_assert_int_eq(rings_init(), 0);
    atomic_store(&rings.state, RINGS_RUNNING);
    connect_stream();
}

static void tear_down(void)
{
    tracks_free(f.sink.tracks);
    stream_fini(&f.stream);
    wire_fini(&f.wire);
    map_fini(&f.depths);
    texts_fini(&f.causes);
    operations_fini(&f.operations);
}

static struct fiber *begin(uint64_t split)
{
    struct fiber *fiber = fiber_begin(&f, split);

    ck_assert_ptr_nonnull(fiber);
    ck_assert_ptr_eq(fiber_current(), fiber);
    return fiber;
}

static void call(uint32_t operation)
{
    probe_enter(operation);
    probe_leave(operation);
}

static int is_off(uint32_t operation)
{
    return atomic_load(&operations_get(&f.operations, operation)->is_off);
}

/* Fibers */

START_TEST(a_fiber_rests_with_its_calls_open)
{
    struct fiber *fiber;

    probe_enter(A);
    fiber = begin(fiber_split());
    probe_enter(B);
    fiber_suspend(fiber);
    ck_assert_ptr_ne(fiber_current(), fiber);
    call(C);
    ck_assert_str_eq(hear(), "1: 1a 1s 2<1.1: 2b 1c 1C");
    fiber_resume(fiber);
    probe_leave(B);
    fiber_end(fiber);
    probe_leave(A);
    ck_assert_str_eq(hear(), "2B 1A");
}
END_TEST

START_TEST(what_a_fiber_has_resumed_rests_with_it)
{
    struct fiber *outer, *inner;

    outer = begin(0);
    probe_enter(A);
    inner = begin(0);
    probe_enter(B);
    fiber_suspend(outer);
    call(D);
    ck_assert(!inner->is_current && !outer->is_current);
    fiber_resume(outer);
    ck_assert_ptr_eq(fiber_current(), outer);
    call(C);
    fiber_resume(inner);
    probe_leave(B);
    fiber_end(inner);
    ck_assert_ptr_eq(fiber_current(), outer);
    probe_leave(A);
    fiber_end(outer);
    ck_assert_str_eq(hear(), "1: 1a 2: 2b 3: 3d 3D 1c 1C 2B 1A");
    ck_assert_uint_eq(f.sink.unmatched, 0);
}
END_TEST

START_TEST(an_ended_fiber_stays_so)
{
    struct fiber *fiber = begin(0);

    fiber_hold(fiber);
    call(A);
    fiber_end(fiber);
    fiber_resume(fiber);
    ck_assert_ptr_ne(fiber_current(), fiber);
    call(B);
    fiber_suspend(fiber);
    fiber_release(fiber);
    ck_assert_str_eq(hear(), "1: 1a 1A 2: 2b 2B");
}
END_TEST

START_TEST(a_fiber_knows_what_is_active)
{
    struct fiber *fiber = begin(0);
    char frames[20];

    ck_assert_ptr_null(fiber_top(fiber));
    for (int i = 0; i < 20; i++)
        fiber_push(fiber, &frames[i]);
    ck_assert_ptr_eq(fiber_top(fiber), &frames[19]);
    ck_assert(fiber_pop(fiber, &frames[10]));
    ck_assert_ptr_eq(fiber_top(fiber), &frames[9]);
    ck_assert(!fiber_has(fiber, &frames[15]) && fiber_has(fiber, &frames[0]));
    ck_assert(!fiber_pop(fiber, &frames[15]));
    fiber_end(fiber);
}
END_TEST

static void *go_on(void *fiber)
{
    fiber_resume(fiber);
    call(B);
    probe_leave(A);
    fiber_end(fiber);
    call(C);
    return NULL;
}

START_TEST(a_fiber_goes_on_in_another_thread)
{
    struct fiber *fiber = begin(0);
    pthread_t thread;

    probe_enter(A);
    fiber_suspend(fiber);
    ck_assert_int_eq(pthread_create(&thread, NULL, go_on, fiber), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(hear(), "1: 1a 1b 1B 1A 2: 2c 2C");
}
END_TEST

/* Tracks, and what starts traces */

START_TEST(tracks_go_with_their_last_reader)
{
    struct track *track = tracks_take(f.sink.tracks, 7, 70), *other;
    struct ring_entry entry = {clock_ticks(), RING_WORD(RING_ENTER, A, 0)};

    other = tracks_take(f.sink.tracks, 8, 80);
    ck_assert_ptr_eq(tracks_take(f.sink.tracks, 7, 71), track);
    tracks_leave(f.sink.tracks, track);
    ck_assert_int_eq(track->thread_id, 70);
    tracks_leave(f.sink.tracks, track);
    track = tracks_take(f.sink.tracks, 7, 72);
    ck_assert_int_eq(track->thread_id, 72);
    /* With an open call it stays, */
    track_apply(track, &f.sink, &entry);
    tracks_leave(f.sink.tracks, track);
    ck_assert_ptr_eq(tracks_take(f.sink.tracks, 7, 73), track);
    tracks_leave(f.sink.tracks, track);
    /* until all are closed; the others' readers keep them. */
    tracks_close(f.sink.tracks, &f.sink, clock_ticks());
    ck_assert_int_eq(tracks_take(f.sink.tracks, 7, 74)->thread_id, 74);
    ck_assert_ptr_eq(tracks_take(f.sink.tracks, 8, 81), other);
    ck_assert_uint_eq(operations_get(&f.operations, A)->open, 0);
}
END_TEST

START_TEST(only_the_latest_splits_are_remembered)
{
    struct track_parent parent = {.trace = 5};

    ck_assert(!tracks_find_split(f.sink.tracks, 3, &parent));
    tracks_put_split(f.sink.tracks, 3, parent);
    tracks_put_split(f.sink.tracks, 4, parent);
    tracks_put_split(f.sink.tracks, 3 + TRACKS_SPLITS, parent);
    ck_assert(!tracks_find_split(f.sink.tracks, 3, &parent));
    ck_assert(tracks_find_split(f.sink.tracks, 4, &parent));
    ck_assert(tracks_find_split(f.sink.tracks, 3 + TRACKS_SPLITS, &parent));
}
END_TEST

static struct {
    sem_t go[2], ready;
    uint64_t split[2];
    int is_older;
} pair;

static void *run_second(void *unused)
{
    (void)unused;
    if (pair.is_older)
        call(D);
    sem_post(&pair.ready);
    sem_wait(&pair.go[0]);
    fiber_start_thread(pair.split[0]);
    probe_enter(B);
    pair.split[1] = fiber_split();
    sem_post(&pair.ready);
    sem_wait(&pair.go[1]);
    probe_leave(B);
    return NULL;
}

/* Each thread starts something of the other's, in one and the same round of the sender. */
START_TEST(threads_start_one_another)
{
    static const char *const heard[] = {
        "1: 1a 1s 2<1.1: 2b 2s 2B 3<2.1: 3c 3C 1A", "2: 2a 2s 3<2.1: 3b 3s 3B 4<3.1: 4c 4C 2A"};
    pthread_t second;
    struct fiber *fiber;

    pair.is_older = _i;
    sem_init(&pair.ready, 0, 0);
    sem_init(&pair.go[0], 0, 0);
    sem_init(&pair.go[1], 0, 0);
    ck_assert_int_eq(pthread_create(&second, NULL, run_second, NULL), 0);
    sem_wait(&pair.ready);
    hear();
    probe_enter(A);
    pair.split[0] = fiber_split();
    sem_post(&pair.go[0]);
    sem_wait(&pair.ready);
    fiber = begin(pair.split[1]);
    call(C);
    fiber_end(fiber);
    probe_leave(A);
    sem_post(&pair.go[1]);
    pthread_join(second, NULL);
    ck_assert_str_eq(hear(), heard[_i]);
}
END_TEST

#define CHAIN 300

static void *run_link(void *argument)
{
    const uintptr_t *left = argument;
    uintptr_t after = *left - 1;
    pthread_t next;

    fiber_start_thread(pair.split[0]);
    probe_enter(A);
    pair.split[0] = fiber_split();
    if (after > 0) {
        ck_assert_int_eq(pthread_create(&next, NULL, run_link, &after), 0);
        pthread_join(next, NULL);
    }
    probe_leave(A);
    return NULL;
}

START_TEST(a_chain_of_threads)
{
    uintptr_t left = CHAIN;
    char last[40];

    run_link(&left);
    hear();
    ck_assert_uint_eq(f.events, 2 * CHAIN);
    snprintf(last, sizeof(last), "%d<%d.1:", CHAIN, CHAIN - 1);
    ck_assert_int_eq(f.sink.next_trace, CHAIN + 1);
    ck_assert_ptr_nonnull(strstr(f.heard, "40<39.1:"));
    ck_assert_uint_eq(f.sink.unmatched, 0);
}
END_TEST

START_TEST(a_new_connection_knows_no_parents_of_before)
{
    struct fiber *fiber, *late;
    uint64_t split;

    probe_enter(A);
    fiber = begin(fiber_split());
    probe_enter(B);
    split = fiber_split();
    ck_assert_str_eq(hear(), "1: 1a 1s 2<1.1: 2b 2s");
    f.sink.stream = NULL;
    call(C);
    hear();
    ck_assert_uint_eq(f.sink.lost, 2);
    connect_stream();
    call(C);
    late = begin(split);
    call(D);
    fiber_end(late);
    probe_leave(B);
    fiber_end(fiber);
    probe_leave(A);
    ck_assert_str_eq(hear(), "3: 3b 3c 3C 4: 4d 4D 3B 5: 5a 5A");
}
END_TEST

START_TEST(closing_ends_the_calls_of_all_fibers)
{
    struct fiber *fiber;

    probe_enter(A);
    fiber = begin(0);
    probe_enter(B);
    fiber_suspend(fiber);
    hear();
    f.heard[0] = '\0';
    drain_close(&f.sink);
    read_stream();
    ck_assert_str_eq(f.heard, "?1A ?2B");
    fiber_end(fiber);
}
END_TEST

/* Activation */

static int switch_on(const char *pattern, int on)
{
    char error[256];

    return activation_set(&f.operations, pattern, on, error, sizeof(error));
}

START_TEST(the_latest_rule_holds)
{
    uint32_t later;

    ck_assert_int_eq(switch_on("module.*", 0), OPERATIONS);
    ck_assert_int_eq(switch_on("module.b", 1), 1);
    ck_assert_int_eq(switch_on("other.?", 0), 0);
    hear();
    ck_assert(is_off(A) && !is_off(B));
    call(A);
    call(B);
    later = operations_add(&f.operations, "f", 1, "other", 5);
    ck_assert(is_off(later));
    ck_assert(!is_off(operations_add(&f.operations, "ff", 2, "other", 5)));
    ck_assert_str_eq(hear(), "1: 1b 1B");
    /* The same pattern again takes the place of the earlier rule. */
    ck_assert_int_eq(switch_on("module.*", 0), OPERATIONS);
    hear();
    ck_assert(is_off(B));
    ck_assert(is_off(operations_add(&f.operations, "b", 1, "module", 6)));
    ck_assert_int_eq(switch_on("*", 1), OPERATIONS + 2);
    ck_assert(!is_off(A) && !is_off(later));
}
END_TEST

START_TEST(there_is_a_limit_to_rules)
{
    char pattern[20];

    for (unsigned i = 0; i < ACTIVATION_RULES_MAX; i++) {
        snprintf(pattern, sizeof(pattern), "x%u", i);
        ck_assert_int_eq(switch_on(pattern, 0), 0);
    }
    ck_assert_int_eq(switch_on("*", 0), -1);
    ck_assert_int_eq(switch_on("x7", 1), 0);
    hear();
    ck_assert(!is_off(A));
}
END_TEST

START_TEST(a_call_under_way_is_recorded_to_its_end)
{
    probe_enter(A);
    hear();
    switch_on("module.a", 0);
    call(A);
    call(B);
    ck_assert_str_eq(hear(), "1b 1B");
    ck_assert(!is_off(A));
    probe_leave(A);
    ck_assert_str_eq(hear(), "1A");
    ck_assert(is_off(A));
    switch_on("module.a", 1);
    ck_assert(!is_off(A));
    call(A);
    ck_assert_str_eq(hear(), "2: 2a 2A");
    ck_assert_uint_eq(f.sink.unmatched, 0);
}
END_TEST

START_TEST(a_silent_call_does_not_begin_a_trace)
{
    switch_on("module.a", 0);
    probe_enter(A);
    ck_assert_str_eq(hear(), "");
    call(B);
    call(C);
    ck_assert_str_eq(hear(), "1: 1b 1B 2: 2c 2C");
    probe_leave(A);
    ck_assert_str_eq(hear(), "");
}
END_TEST

/* Rings that are full */

static void fill_ring(void)
{
    while (rings_own == NULL || atomic_load(&rings_own->dropped) == 0)
        call(D);
}

START_TEST(what_is_switched_off_inside_a_dropped_call_does_not_silence_the_thread)
{
    rings.when_full = AGENT_DROP;
    fill_ring();
    probe_enter(A); /* dropped, and its end will not be told */
    switch_on("module.a", 0);
    hear();
    ck_assert(is_off(A));
    call(B);
    hear();
    ck_assert_int_eq(f.heard[strlen(f.heard) - 1], 'B');
}
END_TEST

#define FIBERS 3000
#define ROUNDS 40

/* Begins, goes on with and ends calls in many fibers as a sequence of random numbers wants it. */
static uint64_t play_at_random(struct fiber **fibers, unsigned *depths)
{
    uint64_t made = 0;
    uint32_t random = 12345;

    for (int i = 0; i < FIBERS * ROUNDS; i++) {
        unsigned which = (random = random * 1664525u + 1013904223u) / 65536 % FIBERS;

        if (fibers[which] == NULL)
            fibers[which] = fiber_begin(&f, fiber_split());
        fiber_resume(fibers[which]);
        if (depths[which] == 0 || random % 3 != 0) {
            probe_enter(depths[which]++ % OPERATIONS);
        } else {
            if (random % 7 == 0)
                probe_failed((depths[which] - 1) % OPERATIONS, 0);
            probe_leave(--depths[which] % OPERATIONS);
        }
        made++;
        fiber_suspend(fibers[which]);
        if (i % (FIBERS * 3) == 0)
            hear();
    }
    return made;
}

START_TEST(what_began_ends_though_others_are_dropped)
{
    static struct fiber *fibers[FIBERS];
    static unsigned depths[FIBERS];
    uint64_t made;

    rings.when_full = AGENT_DROP;
    made = play_at_random(fibers, depths);
    for (int i = 0; i < FIBERS; i++) {
        if (fibers[i] == NULL)
            continue;
        fiber_resume(fibers[i]);
        for (; depths[i] > 0; made++)
            probe_leave(--depths[i] % OPERATIONS);
        fiber_end(fibers[i]);
    }
    hear();
    drain_close(&f.sink);
    read_stream();
    drain_rings(&f.sink, &f.dropped);
    ck_assert_uint_gt(f.dropped, 0);
    ck_assert_uint_eq(f.events + f.dropped, made);
    ck_assert_int_eq(rings_own->depth, 0);
    for (size_t i = 0; i <= f.depths.mask; i++)
        ck_assert(f.depths.slots[i].value == MAP_NONE || f.depths.slots[i].value == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agent fibers");
    TCase *fibers = tcase_create("fibers"), *tracks = tcase_create("tracks"),
          *activation = tcase_create("activation"),
          *full = tcase_create("full rings"), *const cases[] = {fibers, tracks, activation, full};
    SRunner *runner;
    int failed;

    tcase_add_test(fibers, a_fiber_rests_with_its_calls_open);
    tcase_add_test(fibers, what_a_fiber_has_resumed_rests_with_it);
    tcase_add_test(fibers, an_ended_fiber_stays_so);
    tcase_add_test(fibers, a_fiber_knows_what_is_active);
    tcase_add_test(fibers, a_fiber_goes_on_in_another_thread);
    tcase_add_test(tracks, tracks_go_with_their_last_reader);
    tcase_add_test(tracks, only_the_latest_splits_are_remembered);
    tcase_add_loop_test(tracks, threads_start_one_another, 0, 2);
    tcase_add_test(tracks, a_chain_of_threads);
    tcase_add_test(tracks, a_new_connection_knows_no_parents_of_before);
    tcase_add_test(tracks, closing_ends_the_calls_of_all_fibers);
    tcase_add_test(activation, the_latest_rule_holds);
    tcase_add_test(activation, there_is_a_limit_to_rules);
    tcase_add_test(activation, a_call_under_way_is_recorded_to_its_end);
    tcase_add_test(activation, a_silent_call_does_not_begin_a_trace);
    tcase_add_test(full, what_is_switched_off_inside_a_dropped_call_does_not_silence_the_thread);
    tcase_add_test(full, what_began_ends_though_others_are_dropped);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tcase_add_checked_fixture(cases[i], set_up, tear_down);
        tcase_set_timeout(cases[i], 60);
        suite_add_tcase(suite, cases[i]);
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
