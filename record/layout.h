/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record type as one line of text, under which stores know the types of users, so that what is
 * stored can be read without the file that taught it:
 *
 *   shop.Measured(long timestamp, string host, float[] values, enum{SMALL LARGE} kind)
 *   shop.Entered:before(long timestamp, ...)    of a type that takes part in traces: its role
 *
 * Two layouts of one class are two texts. Kieker's own types are known by their class name alone.
 * Any thread.
 */
#ifndef KIEKER_RECORD_LAYOUT_H
#define KIEKER_RECORD_LAYOUT_H

#include "record/types.h"

/* The type's text, malloc'ed; NULL when memory is short. */
char *layout_write(const struct record_type *type);

/*
 * The type that such a text says, or NULL: it says none, or memory is short. All of it is the
 * caller's, to be freed by layout_free. Fields that a role needs are where they must be.
 */
struct record_type *layout_read(const char *text, size_t length);
void layout_free(struct record_type *type);

/* How much of the text, or of a plain class name, is the class name. */
size_t layout_class(const char *text, size_t length);

/* The word for a field's type, as in Kieker's record language: "long"; of an array its elements'.
 */
const char *layout_word(enum record_field_type type);

/* The name of an enumeration's literal by its number, `*length` bytes within `literals`; NULL if
 * there is none. */
const char *layout_literal(const char *literals, uint32_t number, size_t *length);

#endif
