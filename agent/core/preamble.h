/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection begins with, before the stream's own bytes: the hello, and where a stream goes
 * on all that it has announced before that place, see record/talk.h.
 */
#ifndef KIEKER_AGENT_CORE_PREAMBLE_H
#define KIEKER_AGENT_CORE_PREAMBLE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/stream.h"

struct preamble_place {
    const char *session; /* NULL: nobody can ask where the stream goes on */
    uint64_t position;   /* in the stream, of the byte that follows the preamble */
    uint32_t next_id;    /* of the text that is announced next from there on */
    uint64_t list;       /* of patterns that is obeyed; 0: none */
};

/*
 * Its bytes (heap) and *size; NULL without memory. Ids whose text nobody keeps (of the metadata, of
 * long strings that are announced for one record) get an empty one.
 */
unsigned char *preamble_make(const struct stream *stream, const char *hello,
    const struct preamble_place *place, size_t *size);

#endif
