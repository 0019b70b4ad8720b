/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents whose connections break: the input is a row of operations on two of them (send so many
 * bytes, connect anew at this or that place, with or without having closed, say what makes no
 * sense, come to the end), played to the collector's own connections and store in this process.
 * What must hold: of each session every record is taken once, as far as it was sent, whatever came
 * between; and the collector tells no agent that more is stored than has been sent.
 */
#include "tests/fuzz/input.h"

#include "record/wire.h"
#include "server/collector.h"
#include "server/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGENTS 2
#define ITEMS 40
#define STREAM_MAX 4096

enum { HELLO, META, BEFORE, AFTER, TEXT, LATE };

/* What an agent has to say, always the same, and where its items end. */
static unsigned char stream[STREAM_MAX];
static size_t ends[ITEMS + 1]; /* ends[0] is 0 */
static int is_record[ITEMS + 1];
static unsigned items;

static struct collector collector;
static char directory[200];
static unsigned sessions;

struct agent {
    int fd; /* -1: none */
    char session[TALK_SESSION_SIZE + 1];
    size_t at;    /* position of the next byte to send */
    size_t taken; /* furthest position that was sent, without a gap before it */
    size_t told;  /* what the collector has said to be stored */
    int is_over;  /* ended, or spoilt: nothing of this session is taken any more */
    unsigned char heard[256];
    size_t heard_size;
};

static void remove_all(void)
{
    static const char *const ends_of_names[] = {"", "-wal", "-shm"};
    char name[256];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s/kieker.db%s", directory, ends_of_names[i]);
        unlink(name);
    }
    rmdir(directory);
}

static unsigned char *end_item(unsigned char *at, int record)
{
    items++;
    ends[items] = (size_t)(at - stream);
    is_record[items] = record;
    return at;
}

static unsigned char *put_event(unsigned char *at, int class, uint64_t trace, uint32_t order)
{
    at = bytes_put64(wire_put_head(at, class, -1), 1000 + order);
    at = bytes_put32(bytes_put64(at, trace), order);
    return end_item(bytes_put32(bytes_put32(at, order % 3 ? TEXT : LATE), TEXT), 1);
}

static void make_stream(void)
{
    static const enum record_id types[] = {
        RECORD_TRACE_METADATA, RECORD_BEFORE_OPERATION, RECORD_AFTER_OPERATION};
    unsigned char *at = stream;

    for (int i = 0; i < 3; i++) {
        const char *name = record_type(types[i])->name;

        at = end_item(wire_put_entry(at, META + i, name, strlen(name)), 0);
    }
    at = end_item(wire_put_entry(at, TEXT, "a.b", 3), 0);
    for (uint64_t trace = 0; trace < 4; trace++) {
        at = bytes_put64(wire_put_head(at, META, -1), trace);
        at = bytes_put32(bytes_put32(bytes_put64(at, 1), TEXT), TEXT);
        at = end_item(bytes_put32(bytes_put64(at, UINT64_MAX), UINT32_MAX), 1);
        for (uint32_t i = 0; i < 6; i++) {
            if (trace == 2 && i == 2) /* announced in the midst of a trace */
                at = end_item(wire_put_entry(at, LATE, "late", 4), 0);
            at = put_event(at, i < 3 ? BEFORE : AFTER, trace, i);
        }
    }
    end_item(wire_put_entry(at, TEXT, TALK_END, strlen(TALK_END)), 0);
}

static void start(void)
{
    const char *folder = getenv("TMPDIR");
    char path[256], error[512];

    snprintf(directory, sizeof(directory), "%.150s/kieker-fuzz-XXXXXX", folder ? folder : "/tmp");
    must(mkdtemp(directory) != NULL);
    atexit(remove_all);
    snprintf(path, sizeof(path), "%s/kieker.db", directory);
    for (const struct option *option = options; option->name; option++)
        if (option->value)
            must(settings_set(&collector.settings, option, option->value, error, sizeof(error)) ==
                 0);
    must(settings_set(&collector.settings, settings_find("database"), path, error, sizeof(error)) ==
         0);
    log_set_level(LOG_ERROR);
    make_stream();
    must(collector_open_store(&collector) == 0 && collector_start_intake(&collector) == 0);
}

static uint64_t records_taken(void)
{
    struct assembler_figures figures;

    assembler_figures(intake_assembler(collector.intake), &figures);
    return figures.records;
}

static uint64_t records_before(size_t position)
{
    uint64_t records = 0;

    for (unsigned i = 1; i <= items; i++)
        records += is_record[i] && ends[i] <= position;
    return records;
}

/* The collector has its turns. What it says is read, too. */
static void turn(struct agent *agent)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(collector.base, EVLOOP_NONBLOCK);
    if (agent->fd < 0)
        return;
    for (;;) {
        ssize_t got = recv(agent->fd, agent->heard + agent->heard_size,
            sizeof(agent->heard) - agent->heard_size, MSG_DONTWAIT);
        const unsigned char *at = agent->heard;

        if (got <= 0)
            return;
        agent->heard_size += (size_t)got;
        while ((size_t)(agent->heard + agent->heard_size - at) >= 12) {
            size_t size = bytes_get32(at + 8);
            char text[200];
            const char *pairs;
            struct talk_pair pair;

            must(bytes_get32(at) == UINT32_MAX && bytes_get32(at + 4) == 0 && size < sizeof(text));
            if ((size_t)(agent->heard + agent->heard_size - at) < 12 + size)
                break;
            memcpy(text, at + 12, size);
            text[size] = '\0';
            at += 12 + size;
            pairs = talk_is(text, TALK_COMMITTED);
            must(pairs != NULL || talk_is(text, TALK_UNKNOWN) != NULL);
            if (pairs) {
                must(talk_next(&pairs, &pair) == 1 && talk_has_key(&pair, "position"));
                must(strtoull(pair.value, NULL, 10) <= agent->taken);
                must(strtoull(pair.value, NULL, 10) >= agent->told);
                agent->told = strtoull(pair.value, NULL, 10);
            }
        }
        agent->heard_size -= (size_t)(at - agent->heard);
        memmove(agent->heard, at, agent->heard_size);
    }
}

static void hang_up(struct agent *agent)
{
    if (agent->fd >= 0)
        close(agent->fd);
    agent->fd = -1;
    agent->heard_size = 0;
    turn(agent);
}

static void say(struct agent *agent, const void *bytes, size_t size)
{
    if (agent->fd >= 0 && send(agent->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        must(errno == EPIPE || errno == ECONNRESET);
    turn(agent);
}

static void begin_session(struct agent *agent)
{
    agent->at = agent->taken = agent->told = 0;
    agent->is_over = 0;
    snprintf(agent->session, sizeof(agent->session), "%032x", ++sessions);
}

/* All entries before that position, as the preamble has them. */
static size_t preamble(size_t position, unsigned char *to)
{
    unsigned char *at = to;

    for (unsigned i = 1; i <= items; i++)
        if (!is_record[i] && ends[i] <= position && i < items) {
            memcpy(at, stream + ends[i - 1], ends[i] - ends[i - 1]);
            at += ends[i] - ends[i - 1];
        }
    return (size_t)(at - to);
}

/* Connects where an item ends, at most `most` bytes from the begin; the old connection may be left
 * for the collector to find out. */
static void connect_at(struct agent *agent, size_t most, int closes)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(1)};
    unsigned char bytes[STREAM_MAX], entries[STREAM_MAX];
    char hello[200];
    size_t position = 0, registry;
    int pair[2], old = agent->fd;

    for (unsigned i = 0; i < items && ends[i] <= most; i++)
        position = ends[i];
    if (closes)
        hang_up(agent);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    must(connections_add(collector.connections, pair[1], NULL, (struct sockaddr *)&peer) == 0);
    agent->fd = pair[0];
    agent->heard_size = 0;
    registry = position ? preamble(position, entries) : 0;
    snprintf(hello, sizeof(hello), TALK_AGENT " version=2 session=%s position=%zu registry=%zu",
        agent->session, position, registry);
    say(agent, bytes, (size_t)(wire_put_entry(bytes, HELLO, hello, strlen(hello)) - bytes));
    say(agent, entries, registry);
    agent->at = position;
    if (!closes && old >= 0)
        close(old);
}

static void send_bytes(struct agent *agent, size_t size)
{
    if (agent->fd < 0)
        return;
    if (size > ends[items] - agent->at)
        size = ends[items] - agent->at;
    /* Known before it can be said to be stored. */
    if (!agent->is_over && agent->at <= agent->taken && agent->at + size > agent->taken)
        agent->taken = agent->at + size;
    agent->at += size;
    say(agent, stream + agent->at - size, size);
    agent->is_over |= agent->taken == ends[items];
}

static void step(struct agent *agent, struct input *input)
{
    static const unsigned char nonsense[16] = {0, 0, 3, 0xE7};
    uint8_t operation = input_byte(input);
    size_t size = input_byte(input) * 4u;
    size_t whole = 0;

    for (unsigned i = 0; i <= items && ends[i] <= agent->taken; i++)
        whole = ends[i];
    switch (operation % 8) {
    case 0: /* where the collector is, or before */
        connect_at(agent, whole > size ? whole - size : 0, operation & 16);
        break;
    case 1: /* where it has said that it is */
        connect_at(agent, agent->told, operation & 16);
        break;
    case 2: /* it may be beyond */
        if (operation & 32 && size > whole) {
            connect_at(agent, size, operation & 16);
            agent->is_over |= agent->at > whole;
        }
        break;
    case 3:
        hang_up(agent);
        break;
    case 4:
        if (operation & 32 && agent->fd >= 0 && agent->at == whole && !agent->is_over) {
            say(agent, nonsense, sizeof(nonsense));
            agent->is_over = 1;
        }
        break;
    default:
        send_bytes(agent, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct agent agents[AGENTS];
    uint64_t before, expected = 0;

    if (collector.intake == NULL)
        start();
    before = records_taken();
    for (int i = 0; i < AGENTS; i++) {
        agents[i] = (struct agent){.fd = -1};
        begin_session(&agents[i]);
    }
    while (input_left(&input) > 0) {
        struct agent *agent = &agents[input_byte(&input) % AGENTS];

        if (agent->is_over && agent->fd < 0) {
            expected += records_before(agent->taken);
            begin_session(agent);
        }
        if (agent->fd < 0)
            connect_at(agent, 0, 1);
        step(agent, &input);
    }
    for (int i = 0; i < AGENTS; i++) {
        hang_up(&agents[i]);
        expected += records_before(agents[i].taken);
    }
    must(records_taken() - before == expected);
    return 0;
}
