/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between the connections and the store: the assembler that they feed, the decision when
 * a batch is cut, and back-pressure: when the store is behind by more than its queue takes,
 * connections are not to be read until it has caught up. The loop's thread.
 */
#ifndef KIEKER_SERVER_INTAKE_H
#define KIEKER_SERVER_INTAKE_H

#include "server/live.h"
#include "server/restoring.h"
#include "server/settings.h"
#include "storage/store.h"

struct event_base;
struct intake;

/*
 * Starts the store's thread, too: the store is that thread's until intake_stop; `model` is moved
 * out of. The settings are looked at as long as it runs. NULL when memory, threads or descriptors
 * are short.
 */
struct intake *intake_start(struct event_base *base, struct store *store, struct model *model,
    const struct assembler_start *start, const struct settings *settings, struct live *live);

/* Takes over what has changed of the settings. */
void intake_reload(struct intake *intake);

/* The sessions that there were when it started; the streams are its assembler's. */
const struct left_sessions *intake_left(const struct intake *intake);

/* Where records go. Whoever has fed it calls intake_fed. */
struct assembler *intake_assembler(struct intake *intake);

/* Something was fed: cuts a batch if it is large, sees to it that it is cut in time otherwise. */
void intake_fed(struct intake *intake);

/* Whether connections must not be read now. */
int intake_is_paused(const struct intake *intake);

/* What is called when they may be read again. */
void intake_on_resume(struct intake *intake, void (*on_resume)(void *context), void *context);

/* Somebody waits for what was fed: the batch is cut as soon as the store can take it, together with
 * what comes in the next few ms. */
void intake_hurry(struct intake *intake);

/* How many batches have been cut. */
uint64_t intake_cuts(const struct intake *intake);

/* What is called when a session's stream has been stored up to a position. */
void intake_on_stored(struct intake *intake,
    void (*on_stored)(void *context, uint32_t stream, uint64_t position), void *context);

/*
 * From now on intake_fed waits for the store itself, instead of pausing: for what is read while the
 * collector stops.
 */
void intake_drain(struct intake *intake);

/* Commits everything and ends. Returns the number of records that could not be stored. */
uint64_t intake_stop(struct intake *intake);

/* Fills in all figures but those of connections. Any thread, until intake_stop. */
void intake_figures(struct intake *intake, struct figures *figures);

#endif
