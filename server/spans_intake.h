/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of OpenTelemetry's spans from the HTTP threads to the assembler, which is the loop's: a
 * queue that is bounded, and refuses what it has no room for. In the loop spans wait until their
 * trace is whole (analysis/spans.h). While the store is behind nothing is taken from the queue.
 */
#ifndef KIEKER_SERVER_SPANS_INTAKE_H
#define KIEKER_SERVER_SPANS_INTAKE_H

#include "server/intake.h"
#include "web/otlp_batch.h"

/* In the queue; a batch alone may be as large as it is. */
#define SPANS_QUEUE_MAX (16u << 20)

struct spans_intake;

/* NULL when memory or descriptors are short. The intake is lent until spans_intake_stop. */
struct spans_intake *spans_intake_new(struct event_base *base, struct intake *intake);

/* Takes the batch over: 0; -1 when too many wait, or when it has stopped. Any thread. */
int spans_intake_put(struct spans_intake *intake, struct otlp_batch *batch);

/* Counts a request that was refused. Any thread. */
void spans_intake_refused(struct spans_intake *intake);

/* Fills in what is known here. Any thread. */
void spans_intake_figures(struct spans_intake *intake, struct figures *figures);

/*
 * Gives all that has come to the assembler, whole or not; from now on nothing is taken. After
 * intake_drain. The loop's thread. NULL is fine.
 */
void spans_intake_stop(struct spans_intake *intake);

/* Once it has stopped, and no other thread knows of it. NULL is fine. */
void spans_intake_free(struct spans_intake *intake);

#endif
