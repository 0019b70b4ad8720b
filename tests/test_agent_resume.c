/* SPDX-License-Identifier: Apache-2.0 */
/* The whole agent, against a collector that says what it has stored and breaks connections. What it
 * has stored must be what one unbroken connection would have brought. Each test is a process of its
 * own. */
#include "agent/core/agent.h"
#include "agent/core/probe.h"
#include "record/bytes.h"
#include "record/map.h"
#include "record/talk.h"
#include "record/wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 1000000000ull
#define DATA_MAX (256u << 20)

static struct store {
    int listener, breaks, unknowns;
    uint32_t seed;
    char address[64], session[TALK_SESSION_SIZE + 1], hello[TALK_TEXT_MAX + 1];
    unsigned char *data; /* of the session, from its position 0 on */
    size_t taken, stored;
    unsigned connections, sessions;
    uint64_t records, before; /* of this session, and of those before it */
    pthread_t thread;
} store;

static uint32_t random_below(uint32_t limit)
{
    store.seed = store.seed * 1664525u + 1013904223u;
    return (store.seed >> 8) % limit;
}

static int read_all(int peer, void *to, size_t size)
{
    return recv(peer, to, size, MSG_WAITALL) == (ssize_t)size ? 0 : -1;
}

static int say(int peer, const char *name, size_t position)
{
    unsigned char bytes[200], *end;
    char text[100];
    int size = snprintf(text, sizeof(text), "%s position=%zu", name, position);

    end = wire_put_entry(bytes, 0, text, (size_t)size);
    return send(peer, bytes, (size_t)(end - bytes), MSG_NOSIGNAL) == end - bytes ? 0 : -1;
}

/* Reads the session's data: its traces are whole, or cut where the session was given up. */
static uint64_t check_data(int is_whole)
{
    const unsigned char *at = store.data, *end = at + store.stored;
    struct map depths = {0};
    struct wire wire;
    enum wire_item item;
    uint64_t records = 0;

    wire_init(&wire);
    while ((item = wire_next(&wire, &at, end, is_whole)) != WIRE_NEED_MORE) {
        const struct record *record = &wire.record;
        uint64_t trace;
        uint32_t depth;

        ck_assert_msg(item != WIRE_FAILED, "%s", wire.error);
        if (item != WIRE_RECORD || record->type->role == ROLE_METADATA)
            continue;
        if (record->type->role == ROLE_TRACE_METADATA) {
            trace = (uint64_t)record_i64(record, META_TRACE);
            ck_assert_uint_eq(map_get(&depths, trace), MAP_NONE);
            map_put(&depths, trace, 0);
            continue;
        }
        trace = (uint64_t)record_i64(record, EVENT_TRACE);
        depth = map_get(&depths, trace);
        ck_assert_uint_ne(depth, MAP_NONE);
        ck_assert(record->type->role == ROLE_BEFORE || depth > 0);
        map_put(&depths, trace, record->type->role == ROLE_BEFORE ? depth + 1 : depth - 1);
        records++;
    }
    for (size_t i = 0; is_whole && depths.slots != NULL && i <= depths.mask; i++)
        ck_assert(depths.slots[i].value == MAP_NONE || depths.slots[i].value == 0);
    map_fini(&depths);
    wire_fini(&wire);
    return records;
}

/* 0, with where the connection goes on; -1 when that is not known, or it broke. */
static int greet(int peer, size_t *position)
{
    static unsigned char registry[1 << 20];
    unsigned char head[12];
    char hello[TALK_TEXT_MAX + 1], session[TALK_VALUE_MAX] = "";
    struct talk_pair pair;
    const char *text;
    size_t size, announced = 0;

    if (read_all(peer, head, sizeof(head)) != 0)
        return -1;
    size = bytes_get32(head + 8);
    ck_assert_uint_le(size, TALK_TEXT_MAX);
    if (read_all(peer, hello, size) != 0)
        return -1;
    hello[size] = '\0';
    text = talk_is(hello, TALK_AGENT);
    ck_assert_ptr_nonnull(text);
    while (talk_next(&text, &pair)) {
        if (talk_has_key(&pair, "session"))
            strcpy(session, pair.value);
        if (talk_has_key(&pair, "position"))
            *position = strtoull(pair.value, NULL, 10);
        if (talk_has_key(&pair, "registry"))
            announced = strtoull(pair.value, NULL, 10);
    }
    ck_assert_uint_eq(strlen(session), TALK_SESSION_SIZE);
    ck_assert_uint_le(announced, sizeof(registry));
    if (announced > 0 && read_all(peer, registry, announced) != 0)
        return -1;
    if (strcmp(session, store.session) != 0 && *position == 0) {
        store.before += check_data(0);
        strcpy(store.session, session);
        store.sessions++;
        store.taken = store.stored = 0;
    } else if (store.unknowns > 0) {
        store.unknowns--;
        say(peer, TALK_UNKNOWN, 0);
        shutdown(peer, SHUT_WR);
        while (recv(peer, registry, sizeof(registry), 0) > 0)
            ;
        return -1;
    }
    ck_assert_str_eq(session, store.session);
    ck_assert_uint_le(*position, store.stored);
    return say(peer, TALK_COMMITTED, store.stored);
}

static int has_ended(void)
{
    const size_t size = strlen(TALK_END);

    return store.taken > size && memcmp(store.data + store.taken - size, TALK_END, size) == 0;
}

static void serve(int peer)
{
    static unsigned char bytes[1 << 16];
    size_t at = 0, left = SIZE_MAX;
    ssize_t got;

    if (greet(peer, &at) != 0)
        return;
    if (store.breaks > 0) {
        store.breaks--;
        left = random_below(1 << 20);
    }
    while (left > 0 && (got = recv(peer, bytes, sizeof(bytes), 0)) > 0) {
        size_t size = (size_t)got < left ? (size_t)got : left;
        size_t old = at < store.taken ? store.taken - at : 0;

        ck_assert_uint_le(at + size, DATA_MAX);
        ck_assert_int_eq(memcmp(store.data + at, bytes, old < size ? old : size), 0);
        memcpy(store.data + at, bytes, size);
        at += size;
        left -= left == SIZE_MAX ? 0 : size;
        if (at > store.taken)
            store.taken = at;
        if ((random_below(4) == 0 || has_ended()) && say(peer, TALK_COMMITTED, store.taken) == 0)
            store.stored = store.taken;
    }
    store.taken = store.stored;
}

static void *run_store(void *unused)
{
    (void)unused;
    do {
        struct linger now = {.l_onoff = 1};
        int peer = accept(store.listener, NULL, NULL), one = 1;

        ck_assert_int_ge(peer, 0);
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        store.connections++;
        serve(peer);
        if (random_below(2) == 0 && !has_ended())
            setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(peer);
    } while (!has_ended());
    return NULL;
}

static void set_up(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    store.seed = getenv("KIEKER_SEED") != NULL ? (uint32_t)strtoul(getenv("KIEKER_SEED"), NULL, 10)
                                               : (uint32_t)time(NULL);
    printf("seed %u (KIEKER_SEED)\n", store.seed);
    store.data = malloc(DATA_MAX);
    ck_assert_ptr_nonnull(store.data);
    store.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(store.listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(store.listener, 4), 0);
    ck_assert_int_eq(getsockname(store.listener, (struct sockaddr *)&address, &size), 0);
    snprintf(store.address, sizeof(store.address), "tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

static void start(void)
{
    struct agent_options options = {.writer = store.address,
        .when_full = AGENT_BLOCK,
        .language = "c",
        .run = "a test",
        .program = "p",
        .patience = 60 * SECONDS};
    char error[200] = "";

    ck_assert_int_eq(pthread_create(&store.thread, NULL, run_store, NULL), 0);
    ck_assert_msg(agent_start(&options, error, sizeof(error)) == 0, "%s", error);
}

static _Atomic int is_enough;

/* Calls until it is enough, with operations that are new now and then; how many. */
static void *record_calls(void *unused)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    uintptr_t calls = 0;
    char name[32];

    (void)unused;
    while (!atomic_load(&is_enough) || calls < 1000) {
        int size = snprintf(name, sizeof(name), "operation %d", (int)(calls / 1000 % 500));
        uint32_t outer = agent_operation(name, (size_t)size, "c", 1);

        probe_enter(outer);
        for (int i = 0; i < 99; i++) {
            probe_enter(outer);
            if (i == 7)
                probe_failed(outer, agent_cause(name, (size_t)size));
            probe_leave(outer);
        }
        probe_leave(outer);
        calls += 100;
        nanosleep(&nap, NULL);
    }
    return (void *)calls;
}

static uint64_t record_until(uint64_t resumed)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    pthread_t threads[3];
    struct agent_stats stats;
    uint64_t calls = 0;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, record_calls, NULL), 0);
    do {
        nanosleep(&nap, NULL);
        agent_stats(&stats);
    } while (stats.resumed < resumed);
    atomic_store(&is_enough, 1);
    for (int i = 0; i < 3; i++) {
        void *count;

        pthread_join(threads[i], &count);
        calls += (uintptr_t)count;
    }
    return calls;
}

START_TEST(everything_arrives_once)
{
    struct agent_stats stats;
    uint64_t calls;

    set_up();
    store.breaks = 8;
    start();
    calls = record_until(8);
    agent_stop(60 * SECONDS);
    pthread_join(store.thread, NULL);
    agent_stats(&stats);
    ck_assert_uint_eq(store.sessions, 1);
    ck_assert_uint_eq(check_data(1), 2 * calls);
    ck_assert_uint_eq(stats.sent, 2 * calls);
    ck_assert_uint_eq(stats.dropped_disconnected + stats.dropped_ring_full, 0);
    ck_assert_uint_eq(stats.unacknowledged, 0);
    ck_assert_uint_eq(stats.connections, store.connections);
}
END_TEST

/* A trace that is open when its stream is given up is whole in the next one; what was in between
 * is counted. */
START_TEST(what_a_store_does_not_know_is_counted)
{
    uint32_t operation = agent_operation("whole time", 10, "c", 1);
    struct agent_stats stats;
    uint64_t calls, arrived;

    set_up();
    store.breaks = 4;
    store.unknowns = 1;
    start();
    probe_enter(operation);
    calls = 1 + record_until(3);
    probe_leave(operation);
    agent_stop(60 * SECONDS);
    pthread_join(store.thread, NULL);
    agent_stats(&stats);
    ck_assert_uint_eq(store.sessions, 2);
    arrived = store.before + check_data(1);
    /* Calls that were open, two of each thread at most, may have their beginning in both. */
    ck_assert_uint_ge(arrived + stats.dropped_disconnected + stats.dropped_ring_full, 2 * calls);
    ck_assert_uint_le(
        arrived + stats.dropped_disconnected + stats.dropped_ring_full, 2 * calls + 1 + 3 * 2);
    ck_assert_uint_eq(stats.sent, arrived);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agent resume");
    TCase *whole = tcase_create("whole");
    SRunner *runner;
    int failed;

    tcase_set_timeout(whole, 180);
    tcase_add_test(whole, everything_arrives_once);
    tcase_add_test(whole, what_a_store_does_not_know_is_counted);
    suite_add_tcase(suite, whole);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
