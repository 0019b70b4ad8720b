/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is stored back to the records that came in: those of a trace, from its row and its
 * chunks, and those of no trace. They look as if they had come over the wire, field for field, and
 * a trace's are in their order. What cannot be told any more:
 *   - how the records of different traces were mixed, and where among its own a trace's metadata
 *     was (it is given first, unless it is of a user's type); a second one of a trace is not kept
 * (counter second_metadata);
 *   - by which of several streams an operation execution came: all are given to its trace's;
 *   - ids of a registry: a string that was never announced is "<?ID>"; and what an older Kieker
 *     called a class, which has its present name;
 *   - a time before its stream said (KiekerMetadataRecord) in which unit it counts, if that was not
 *     the one that its size told;
 *   - texts beyond the model's bounds (counter names_refused).
 */
#ifndef KIEKER_ANALYSIS_RECORDS_H
#define KIEKER_ANALYSIS_RECORDS_H

#include "analysis/batch.h"
#include "record/record.h"

/* What the numbers of what is stored mean. 0, or -1 when that cannot be told. */
struct records_texts {
    int (*name)(void *context, uint32_t id, const char **text, size_t *length); /* lent */
    int (*operation)(void *context, uint32_t id, uint32_t *signature, uint32_t *class_signature);
    void *context;
};

/* A record is lent for the call. Non-zero ends what is under way. */
typedef int records_sink(void *context, const struct record *record);

struct records;

/* NULL when memory is short. */
struct records *records_new(const struct records_texts *texts, records_sink *sink, void *context);
void records_free(struct records *records);

/* A trace begins, in a stream that counts time in units of so many ns (0: it is not known). Gives
 * its metadata, if it has any. 0; 1 when the sink has ended it; -1 when memory is short. */
int records_begin(struct records *records, const struct trace *trace, int64_t unit);

/*
 * The trace's next chunk. 0; 1 when the sink has ended it; -1 when the chunk is damaged, or memory
 * is short: see records_error; the rest of the chunk has not been given, the next one may be fed.
 */
int records_feed(struct records *records, const struct chunk_view *chunk);

/*
 * A chunk of so many records is lost: the next one goes on behind. Calls that are open here are not
 * known afterwards: the records of their ends cannot be told and are left out.
 */
void records_lose(struct records *records, uint64_t events);

/* A record of no trace. As records_feed. */
int records_other(struct records *records, const struct batch_record *record, int64_t unit);

/* The type of the record, as records_other will give it; NULL: no such type is known. */
const struct record_type *records_type(struct records *records, uint32_t name);

const char *records_error(const struct records *records);

/* What has been left out or made up so far. */
struct records_losses {
    uint64_t records; /* that could not be told */
    uint64_t texts;   /* for which "<lost text N>" stands */
};
void records_losses(const struct records *records, struct records_losses *losses);

#endif
