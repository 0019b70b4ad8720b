/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on where another assembler was: streams and their open traces as a store has them. A
 * trace's calls are found by going through its chunks once more; nothing of that is counted or
 * stored again. To be done before anything is fed.
 */
#ifndef KIEKER_ANALYSIS_RESTORE_H
#define KIEKER_ANALYSIS_RESTORE_H

#include "analysis/assembler.h"

/* The stream as it was handed over last, its session included. NULL when memory is short. */
struct stream *restore_stream(struct assembler *assembler, const struct batch_stream *row);

/* What has been counted of the stream under that name: an agent that says it again adds nothing. 0,
 * or -1 when memory is short. */
int restore_counter(struct stream *stream, const char *name, uint64_t value);

/* Gives the next chunk of a trace: 1; 0: there is none; -1: it cannot be read. */
typedef int restore_chunk(void *context, struct chunk_view *chunk);

/*
 * An open trace of that stream. 1: it goes on, or (damaged, which is counted) ends as it stands; 0:
 * so damaged that nothing can be made of it, which is counted, too; -1 when memory is short.
 */
int restore_trace(struct assembler *assembler, struct stream *stream, const struct batch_trace *row,
    restore_chunk *next, void *context);

#endif
