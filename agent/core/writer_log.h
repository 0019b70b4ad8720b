/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writers `file:DIRECTORY` and `binary:DIRECTORY`: a Kieker log, a directory of its own below
 * the given one for each connection of the stream. Files are written to at the end of a call and
 * hold whole records only, so what is there can be read at any time.
 */
#ifndef KIEKER_AGENT_CORE_WRITER_LOG_H
#define KIEKER_AGENT_CORE_WRITER_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/log_files.h"
#include "record/wire.h"

#define WRITER_LOG_ENTRIES 25000u     /* records of one file, as Kieker's writer has it */
#define WRITER_LOG_BYTES (256u << 10) /* are written together */

struct writer_log {
    const struct writer_log_format *format;
    struct log_files files;
    struct wire wire;               /* what the stream has announced */
    uint32_t classes[RECORD_TYPES]; /* number in the map, + 1; 0: not yet in it */
    uint32_t next_name;             /* in the map */
    uint32_t entries;               /* records in this record file */
    uint64_t count, kept;           /* records that were put, and that are in the files */
    int64_t begun;                  /* wall time of the log's begin, ns */
    int has_failed;                 /* an earlier log could not be written on */
};

extern const struct writer_kind writer_log_text, writer_log_binary;

#endif
