/* SPDX-License-Identifier: Apache-2.0 */
#include "server/restoring.h"

#include <string.h>

#include "server/clock.h"
#include "server/live.h"
#include "server/log.h"

struct restoring {
    struct assembler *assembler;
    struct left_sessions *left;
    struct left_session *owner; /* of the trace before */
};

static struct left_session *last(struct restoring *r)
{
    return &r->left->list.items[r->left->list.count - 1];
}

static int on_stream(void *context, const struct batch_stream *row, const char *fault)
{
    struct restoring *r = context;
    struct left_session *session = list_add(&r->left->list);
    int is_gone = strcmp(fault, loss_name(LOSS_GONE)) == 0;

    if (session == NULL)
        return -1;
    *session = (struct left_session){.id = row->id,
        .position = row->position,
        .is_over = row->closed != 0,
        .cannot_go_on = *fault != '\0' && !is_gone};
    memcpy(session->name, row->session, TALK_SESSION_SIZE);
    if (session->is_over && !is_gone)
        return 0;
    session->stream = restore_stream(r->assembler, row);
    return session->stream ? 0 : -1;
}

static int on_counter(void *context, const char *name, uint64_t value)
{
    struct left_session *session = last(context);

    return session->stream ? restore_counter(session->stream, name, value) : 0;
}

static struct left_session *owner_of(struct restoring *r, uint32_t id)
{
    if (r->owner && r->owner->id == id)
        return r->owner;
    for (size_t i = 0; i < r->left->list.count; i++)
        if (r->left->list.items[i].id == id)
            return r->owner = &r->left->list.items[i];
    return NULL;
}

static int on_trace(void *context, const struct batch_trace *row, restore_chunk *next, void *chunks)
{
    struct restoring *r = context;
    struct left_session *owner = owner_of(r, row->open.owner);

    if (owner == NULL || owner->is_over)
        return 0;
    r->left->traces++;
    return restore_trace(r->assembler, owner->stream, row, next, chunks);
}

int restoring_run(struct store *store, struct assembler *assembler, struct left_sessions *left)
{
    struct restoring restoring = {assembler, left, NULL};
    const struct store_left sink = {on_stream, on_counter, on_trace, &restoring};
    int64_t began = clock_monotonic();

    if (store_left(store, &sink) < 0) {
        log_error("store",
            log_field("event", "what the collector before has left cannot be gone on with"),
            log_field("error", store_error(store)));
        return -1;
    }
    if (left->traces > 0)
        log_info("store", log_field("event", "going on with traces of the collector before"),
            log_field("traces", left->traces),
            log_field("took_ms", (clock_monotonic() - began) / CLOCK_MS));
    return 0;
}
