/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the records of many traces, as a Kieker client would send them, and sends them to a
 * collector on this machine as fast as it reads. Prints `records=N bytes=N seconds=S` when the last
 * byte is on its way. See collector.py for the figures.
 */
#include "record/wire.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (256u << 10) /* bytes that are made before they are sent */
#define RECORD_BYTES 64   /* the longest record made here, and more */
#define DEPTH_MAX 100000

static struct {
    uint64_t traces, calls, depth, operations, branch, connections, executions;
    int port;
} options = {.traces = 1000,
    .calls = 10,
    .depth = 10,
    .operations = 40,
    .branch = 1,
    .connections = 1,
    .executions = 0,
    .port = 0};

static const struct {
    const char *name;
    uint64_t *value;
    const char *doc;
} numbers[] = {
    {"--traces", &options.traces, "traces of each connection"},
    {"--calls", &options.calls, "calls of each trace"},
    {"--depth", &options.depth, "calls above one another at most"},
    {"--operations", &options.operations, "different operations"},
    {"--branch", &options.branch,
        "different operations that one calls: more make more paths and classes"},
    {"--connections", &options.connections, "connections, a thread each"},
    {"--executions", &options.executions, "1: a record a call instead of two events"},
};

struct client {
    unsigned char *bytes, *at;
    int socket;
    uint64_t number, records, sent;
    unsigned random;
    int64_t now;
    uint32_t first_operation;
    struct {
        uint32_t operation, number;
        int64_t since;
    } stack[DEPTH_MAX]; /* calls that have begun */
};

enum { CLASS_META, CLASS_BEFORE, CLASS_AFTER, CLASS_EXECUTION, SESSION, HOST, FIRST_NAME };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void flush(struct client *client)
{
    unsigned char *from = client->bytes;

    while (from < client->at) {
        ssize_t sent = send(client->socket, from, (size_t)(client->at - from), MSG_NOSIGNAL);

        if (sent < 0)
            fail("collector_load: send");
        from += sent;
        client->sent += (uint64_t)sent;
    }
    client->at = client->bytes;
}

static void make_room(struct client *client)
{
    if (client->at + RECORD_BYTES > client->bytes + ROOM)
        flush(client);
}

static unsigned next_random(struct client *client)
{
    client->random = client->random * 1664525 + 1013904223;
    return client->random >> 8;
}

static void put_name(struct client *client, int32_t id, const char *text)
{
    make_room(client);
    client->at = wire_put_entry(client->at, id, text, strlen(text));
    if (client->at + 256 > client->bytes + ROOM)
        flush(client);
}

static void put_names(struct client *client)
{
    char text[128];

    put_name(client, CLASS_META, record_type(RECORD_TRACE_METADATA)->name);
    put_name(client, CLASS_BEFORE, record_type(RECORD_BEFORE_OPERATION)->name);
    put_name(client, CLASS_AFTER, record_type(RECORD_AFTER_OPERATION)->name);
    put_name(client, CLASS_EXECUTION, record_type(RECORD_OPERATION_EXECUTION)->name);
    put_name(client, SESSION, "<no-session-id>");
    put_name(client, HOST, "localhost");
    for (uint64_t i = 0; i < options.operations; i++) {
        if (options.executions)
            snprintf(text, sizeof(text),
                "void package.module.Class%" PRIu64 ".operation_%" PRIu64 "()", i / 4, i);
        else
            snprintf(text, sizeof(text), "operation_%" PRIu64, i);
        put_name(client, (int32_t)(FIRST_NAME + 2 * i), text);
        snprintf(text, sizeof(text), "package.module.Class%" PRIu64, i / 4);
        put_name(client, (int32_t)(FIRST_NAME + 2 * i + 1), text);
    }
}

static void put_metadata(struct client *client, uint64_t trace)
{
    unsigned char *at;

    make_room(client);
    at = bytes_put64(wire_put_head(client->at, CLASS_META, RECORD_NOT_LOGGED), trace);
    at = bytes_put64(at, client->number);
    at = bytes_put32(bytes_put32(at, SESSION), HOST);
    client->at = bytes_put32(bytes_put64(at, trace), UINT32_MAX);
    client->records++;
}

static void put_event(
    struct client *client, int class, uint64_t trace, uint32_t order, uint32_t operation)
{
    unsigned char *at;

    make_room(client);
    client->now += 300 + (next_random(client) & 1023);
    at = bytes_put64(wire_put_head(client->at, class, RECORD_NOT_LOGGED), (uint64_t)client->now);
    at = bytes_put32(bytes_put64(at, trace), order);
    client->at =
        bytes_put32(bytes_put32(at, FIRST_NAME + 2 * operation), FIRST_NAME + 2 * operation + 1);
    client->records++;
}

static void put_execution(struct client *client, uint64_t trace, uint64_t depth)
{
    unsigned char *at;

    make_room(client);
    at = bytes_put32(wire_put_head(client->at, CLASS_EXECUTION, RECORD_NOT_LOGGED),
        FIRST_NAME + 2 * client->stack[depth].operation);
    at = bytes_put64(bytes_put32(at, SESSION), trace);
    at = bytes_put64(at, (uint64_t)client->stack[depth].since);
    at = bytes_put32(bytes_put64(at, (uint64_t)client->now), HOST);
    client->at = bytes_put32(bytes_put32(at, client->stack[depth].number), (uint32_t)depth);
    client->records++;
}

/* A call begins on top of `depth` others. */
static void begin(
    struct client *client, uint64_t trace, uint64_t depth, uint32_t operation, uint32_t *order)
{
    if (options.executions)
        client->now += 300 + (next_random(client) & 1023);
    else
        put_event(client, CLASS_BEFORE, trace, *order, operation);
    client->stack[depth].operation = operation;
    client->stack[depth].number = (*order)++;
    client->stack[depth].since = client->now;
}

static void end(struct client *client, uint64_t trace, uint64_t depth, uint32_t *order)
{
    if (options.executions) {
        client->now += 300 + (next_random(client) & 1023);
        put_execution(client, trace, depth);
    } else {
        put_event(client, CLASS_AFTER, trace, (*order)++, client->stack[depth].operation);
    }
}

/* Goes down until the depth or the calls are used up, then back up half way and down again. */
static void put_trace(struct client *client, uint64_t trace)
{
    uint64_t made = 0, depth = 0;
    uint32_t order = 0, operation = client->first_operation;

    if (!options.executions)
        put_metadata(client, trace);
    while (made < options.calls || depth > 0) {
        int full = depth >= options.depth || made >= options.calls;

        if (!full && (depth < 2 || options.depth <= 10 || next_random(client) % 16 != 0)) {
            operation = depth ? client->stack[depth - 1].operation * (uint32_t)options.branch + 1
                              : operation;
            operation = (operation + next_random(client) % (uint32_t)options.branch) %
                        (uint32_t)options.operations;
            begin(client, trace, depth++, operation, &order);
            made++;
            continue;
        }
        for (uint64_t up = made >= options.calls ? depth : 1 + next_random(client) % depth; up > 0;
             up--) {
            if (depth == 1 && made < options.calls)
                break;
            end(client, trace, --depth, &order);
        }
    }
    client->first_operation = (client->first_operation + 1) % 8 % (uint32_t)options.operations;
}

static void *run(void *context)
{
    struct client *client = context;
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)options.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    client->now = now.tv_sec * 1000000000 + now.tv_nsec;
    client->random = (unsigned)client->number + 1;
    client->at = client->bytes = malloc(ROOM);
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (client->bytes == NULL || client->socket < 0 ||
        connect(client->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("collector_load: connect");
    put_names(client);
    for (uint64_t i = 0; i < options.traces; i++)
        put_trace(client, client->number << 40 | i);
    flush(client);
    close(client->socket);
    free(client->bytes);
    return NULL;
}

static void usage(void)
{
    printf("usage: collector_load --port PORT [option number]...\n");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        printf("  %-14s %s (%" PRIu64 ")\n", numbers[i].name, numbers[i].doc, *numbers[i].value);
}

static int parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        size_t j = 0;
        int64_t value = i + 1 < argc ? atoll(argv[i + 1]) : 0;

        while (j < sizeof(numbers) / sizeof(numbers[0]) && strcmp(argv[i], numbers[j].name) != 0)
            j++;
        if (value <= 0)
            return -1;
        if (strcmp(argv[i], "--port") == 0)
            options.port = (int)value;
        else if (j < sizeof(numbers) / sizeof(numbers[0]))
            *numbers[j].value = (uint64_t)value;
        else
            return -1;
    }
    return options.port > 0 && options.depth < DEPTH_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct client *clients;
    pthread_t *threads;
    struct timespec begin, end;
    uint64_t records = 0, bytes = 0;

    if (parse(argc, argv) < 0) {
        usage();
        return 2;
    }
    clients = calloc(options.connections, sizeof(*clients));
    threads = calloc(options.connections, sizeof(*threads));
    if (clients == NULL || threads == NULL)
        fail("collector_load");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint64_t i = 0; i < options.connections; i++) {
        clients[i].number = i;
        if (pthread_create(&threads[i], NULL, run, &clients[i]) != 0)
            fail("collector_load: thread");
    }
    for (uint64_t i = 0; i < options.connections; i++) {
        pthread_join(threads[i], NULL);
        records += clients[i].records;
        bytes += clients[i].sent;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("records=%" PRIu64 " bytes=%" PRIu64 " seconds=%.3f\n", records, bytes,
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9);
    free(clients);
    free(threads);
    return 0;
}
