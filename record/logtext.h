/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Kieker log has texts in, back into records: the lines of its map, those of its text files,
 * as every Kieker since 0.95a has written them (their quirks: logtext_line), and the Data Bridge's
 * records. The records look as if
 * they had come over the wire: their strings have ids of their own here. What is read from binary
 * files needs the map alone, as a registry.
 */
#ifndef KIEKER_RECORD_LOGTEXT_H
#define KIEKER_RECORD_LOGTEXT_H

#include "record/build.h"

#define LOGTEXT_ARRAY_MAX 65536 /* elements of an array */

/*
 * Takes a line of a map, "$id=text" or "id=text", without its line end. 1 when it was an entry; 0
 * when it was none (an empty line, or one without "="); -1 when it cannot be kept.
 */
int logtext_map_line(struct registry *map, const char *line, size_t length);

struct logtext {
    const struct registry *map;  /* the classes' names; lent */
    const struct record *record; /* of the line read last */
    char error[160];             /* why it is none */
    int has_no_class;            /* since the map has no class of that number */
    struct build build;
};

enum logtext_result {
    LOGTEXT_RECORD,
    LOGTEXT_SHORT, /* fields are missing: the line may go on behind a line break in a string */
    LOGTEXT_WRONG, /* see `error` */
    LOGTEXT_EMPTY  /* nothing is on it */
};

void logtext_init(struct logtext *text, const struct registry *map);
void logtext_fini(struct logtext *text);

/*
 * Reads a line, without its line end. What is understood besides "$class;logged;fields":
 *   - an operation execution with an experiment's number before its fields (until 1.5);
 *   - one without class and logging timestamp (very old);
 *   - a last field that is a string has what is left of the line, with its separators;
 *   - empty fields missing at the end.
 * The record is lent until the next call.
 */
enum logtext_result logtext_line(struct logtext *text, const char *line, size_t length);

/*
 * Reads a record as the Kieker Data Bridge (until 1.12) has sent them, at *at: a class's number and
 * the fields as on the wire, but for strings, which are their length and their bytes; no logging
 * timestamp. LOGTEXT_SHORT when it is not whole yet, else *at is moved behind it.
 */
enum logtext_result logtext_bridge(
    struct logtext *text, const unsigned char **at, const unsigned char *end);

/* Whether a line of a text file begins like a record, rather than going on with the one before. */
int logtext_begins(const char *line, size_t length);

#endif
