/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/walk.h"

#include "analysis/list.h"

#include <stdlib.h>

struct frame {
    struct call call;
    int64_t below; /* what the callees took */
};

struct walk {
    struct walker walker;
    int64_t end;
    uint32_t host;
    uint64_t next_position;
    walk_other *on_other; /* or NULL */
    uint64_t records;     /* so far */
    struct step
        called; /* a Call event whose Before may be next; kind: STEP_CALL, else there is none */
    LIST(struct frame) frames;
    LIST(struct execution) executions;
    const char *error;
};

struct walk *walk_new(const struct trace *trace, const struct walker *walker)
{
    struct walk *walk = calloc(1, sizeof(*walk));

    if (walk == NULL)
        return NULL;
    walk->walker = *walker;
    walk->end = trace->end;
    walk->host = trace->host;
    walk->called.kind = STEP_OTHER;
    return walk;
}

void walk_free(struct walk *walk)
{
    if (walk == NULL)
        return;
    list_fini(&walk->frames);
    list_fini(&walk->executions);
    free(walk);
}

const char *walk_error(const struct walk *walk)
{
    return walk->error ? walk->error : "no error";
}

void walk_on_other(struct walk *walk, walk_other *on_other)
{
    walk->on_other = on_other;
}

static int fail(struct walk *walk, const char *error)
{
    walk->error = error;
    return -1;
}

static struct frame *top(struct walk *walk)
{
    return walk->frames.count ? &walk->frames.items[walk->frames.count - 1] : NULL;
}

static int enter(struct walk *walk, uint64_t operation, uint32_t host, int64_t time, int assumed)
{
    struct frame *frame = list_add(&walk->frames);
    struct call *caller;

    if (frame == NULL)
        return fail(walk, "not enough memory for the open calls");
    caller = walk->frames.count > 1 ? &frame[-1].call : NULL;
    *frame = (struct frame){.call = {.position = walk->next_position++,
                                .parent = caller ? caller->position : CALL_NO_PARENT,
                                .operation = (uint32_t)operation,
                                .host = host,
                                .assumed = assumed,
                                .depth = (uint32_t)walk->frames.count - 1,
                                .start = time,
                                .calls = 1,
                                .caller_user = caller ? caller->user : NULL}};
    if (walk->walker.on_enter)
        walk->walker.on_enter(walk->walker.context, &frame->call);
    return 0;
}

static void leave(struct walk *walk, int64_t time, uint32_t cause, int failed, int open)
{
    struct frame frame = *top(walk), *caller;

    frame.call.duration = time_between(frame.call.start, time);
    frame.call.self = frame.call.duration > frame.below ? frame.call.duration - frame.below : 0;
    frame.call.cause = cause;
    frame.call.failed = failed;
    frame.call.open = open;
    walk->frames.count--;
    caller = top(walk);
    if (caller) {
        caller->below = time_sum(caller->below, frame.call.duration);
        caller->call.calls += frame.call.calls;
    }
    if (walk->walker.on_leave)
        walk->walker.on_leave(walk->walker.context, &frame.call);
}

static int keep_execution(struct walk *walk, const struct execution *execution)
{
    struct execution *place = list_add(&walk->executions);

    if (place == NULL)
        return fail(walk, "not enough memory for the trace's operation executions");
    *place = *execution;
    return 0;
}

/* No Before has come for the Call event: what it says is all that is known. */
static int assume(struct walk *walk)
{
    if (walk->called.kind != STEP_CALL)
        return 0;
    walk->called.kind = STEP_OTHER;
    return enter(walk, walk->called.argument, walk->host, walk->called.time, 1);
}

static int begin(struct walk *walk, const struct step *step)
{
    if (!(step->more & BEGIN_CALLED))
        return assume(walk) < 0 ? -1 : enter(walk, step->argument, walk->host, step->time, 0);
    if (walk->called.kind != STEP_CALL)
        return fail(walk, "a call begins that was not announced: the stored trace is damaged");
    walk->called.kind = STEP_OTHER;
    return enter(walk, walk->called.argument, walk->host, step->time, 0);
}

static int take(struct walk *walk, const struct step *step)
{
    if (step->kind == STEP_BEGIN)
        return begin(walk, step);
    if (assume(walk) < 0)
        return -1;
    switch (step->kind) {
    case STEP_BEFORE:
        return enter(walk, step->argument, walk->host, step->time, 0);
    case STEP_CALL:
        walk->called = *step;
        return 0;
    case STEP_AFTER:
    case STEP_FAILED:
        if (walk->frames.count == 0)
            return fail(walk, "a call ends that did not begin: the stored trace is damaged");
        leave(walk, step->time, step->kind == STEP_FAILED ? (uint32_t)step->argument : 0,
            step->kind == STEP_FAILED, 0);
        return 0;
    case STEP_CLOSE:
        if (walk->frames.count < step->argument)
            return fail(walk, "more calls end than began: the stored trace is damaged");
        for (uint64_t i = 0; i < step->argument; i++)
            leave(walk, step->time, 0, 0, !top(walk)->call.assumed);
        return 0;
    case STEP_EXECUTION:
        return keep_execution(walk, &step->execution);
    case STEP_BEGIN:
    case STEP_OTHER:
        break;
    }
    return 0;
}

int walk_feed(struct walk *walk, const struct chunk_view *chunk)
{
    struct chunk_reader reader;
    struct step step;
    int got;

    if (walk->error)
        return -1;
    chunk_read(&reader, chunk);
    while ((got = chunk_next(&reader, &step)) > 0) {
        if (take(walk, &step) < 0)
            return -1;
        if (step.kind == STEP_OTHER && walk->on_other)
            walk->on_other(
                walk->walker.context, walk->records, top(walk) ? &top(walk)->call : NULL);
        walk->records += step.kind != STEP_CLOSE;
    }
    return got < 0 ? fail(walk, "the stored records of the trace are damaged") : 0;
}

/* The executions in order, each ended when the next one does not lie below it. */
static int replay_executions(struct walk *walk)
{
    const struct execution *executions = walk->executions.items;
    size_t count = walk->executions.count;
    LIST(int64_t) ends = {0};

    if (count > 0)
        qsort(walk->executions.items, count, sizeof(*executions), execution_by_order);
    for (size_t i = 0; i <= count && !walk->error; i++) {
        size_t depth = i < count && executions[i].ess > 0 ? (size_t)executions[i].ess : 0;
        int64_t *end;

        while (walk->frames.count > depth)
            leave(walk, ends.items[--ends.count], 0, 0, 0);
        if (i == count)
            break;
        end = list_add(&ends);
        if (end == NULL) {
            fail(walk, "not enough memory for the open calls");
            break;
        }
        *end = executions[i].tout;
        if (enter(walk, executions[i].operation, executions[i].host, executions[i].tin, 0) < 0)
            break;
    }
    list_fini(&ends);
    return walk->error ? -1 : 0;
}

int walk_end(struct walk *walk)
{
    if (walk->error || assume(walk) < 0)
        return -1;
    while (walk->frames.count > 0)
        leave(walk, walk->end, 0, 0, 1);
    return replay_executions(walk);
}

int walk_give_up(struct walk *walk)
{
    walk->error = NULL;
    return walk_end(walk);
}
