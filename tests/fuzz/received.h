/* SPDX-License-Identifier: Apache-2.0 */
/* All batches that an assembler gave, held against what is expected of them. */
#ifndef KIEKER_TESTS_FUZZ_RECEIVED_H
#define KIEKER_TESTS_FUZZ_RECEIVED_H

#include "tests/fuzz/expected.h"

struct received_chunk {
    uint64_t trace, events;
    int64_t base;
    size_t offset[CHUNK_PARTS], size[CHUNK_PARTS]; /* into received.parts */
};

struct received_class {
    uint64_t calls;
    uint32_t depth, root;
    uint64_t tree; /* of its traces; 0: none was seen */
};

struct received {
    LIST(char *) names; /* by id */
    LIST(struct model_operation) operations;
    LIST(struct model_path) paths;
    LIST(struct received_class) classes;
    LIST(struct received_chunk) chunks; /* stored apart */
    struct buffer parts[CHUNK_PARTS];
    uint64_t calls, failed, total, self, traces, finished, records, others;
    uint64_t left_open, flaws[FLAWS];
    uint32_t batches;
};

void received_init(struct received *received);
void received_fini(struct received *received);

/* Looks at all of the batch; `expected` is as it was when the batch was cut. */
void received_batch(
    struct received *received, struct expected *expected, const struct batch *batch);

#endif
