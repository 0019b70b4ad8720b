/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kieker's single-socket stream, both ways. A stream is registry entries (int32 -1, id, length,
 * UTF-8 text) and records (int32 class id >= 0, int64 logging timestamp, fields) one after the
 * other, big-endian, without framing.
 *
 * The reader owns no bytes and knows no socket: its caller lends what has arrived, and keeps what
 * was not used up. Java's writers announce a text's length in UTF-16 units but send UTF-8; others
 * count bytes. The reader finds out which.
 */
#ifndef KIEKER_RECORD_WIRE_H
#define KIEKER_RECORD_WIRE_H

#include "record/record.h"

#define WIRE_TEXT_MAX                                                                              \
    (1u << 20)               /* length of a string, as it is announced: UTF-16 units, or bytes */
#define WIRE_ARRAY_MAX 65536 /* elements of an array */

enum wire_lengths { WIRE_LENGTHS_UNKNOWN, WIRE_LENGTHS_BYTES, WIRE_LENGTHS_UTF16 };

/* Why a stream cannot be read on. */
enum wire_fault {
    WIRE_FINE,
    WIRE_UNKNOWN_CLASS_ID,
    WIRE_UNKNOWN_CLASS,
    WIRE_BAD_LENGTH,
    WIRE_BAD_ITEM,
    WIRE_TOO_MANY_NAMES,
    WIRE_CUT,   /* the stream ended inside an item */
    WIRE_SHORT, /* memory is short */
    WIRE_FAULTS
};

struct wire {
    struct registry registry;
    enum wire_lengths lengths;
    uint64_t position; /* bytes of the stream used up so far */
    uint64_t records, entries;
    struct record record;             /* after WIRE_RECORD */
    struct registry_entry *entry;     /* after WIRE_ENTRY */
    int32_t entry_id, entry_declared; /* after WIRE_ENTRY: its id and length as they were sent */
    enum wire_fault fault;            /* sticky */
    char error[200];                  /* the sentence for `fault` */
};

enum wire_item { WIRE_FAILED = -1, WIRE_NEED_MORE = 0, WIRE_RECORD = 1, WIRE_ENTRY = 2 };

void wire_init(struct wire *wire);
void wire_fini(struct wire *wire);

/*
 * Reads the next item of [*at, end) and moves *at behind it. WIRE_NEED_MORE: the rest is less than
 * one item (if `last`, the stream ended here as it should). WIRE_FAILED: this stream cannot be read
 * on, see `fault` and `error`; every later call says so again. With `last` no more bytes will come,
 * so a rest is an item cut short: WIRE_FAILED with WIRE_CUT.
 */
enum wire_item wire_next(
    struct wire *wire, const unsigned char **at, const unsigned char *end, int last);

/* A short name of the fault, for counters: "unknown_class_id". */
const char *wire_fault_name(enum wire_fault fault);

/* Writes an entry's head and text at `at` (12 + length bytes; length in bytes) and returns the end.
 */
unsigned char *wire_put_entry(unsigned char *at, int32_t id, const char *text, size_t length);

/* Writes a record's head (12 bytes) at `at` and returns the end: the fields follow, see bytes.h. */
unsigned char *wire_put_head(unsigned char *at, int32_t class_id, int64_t logged);

#endif
