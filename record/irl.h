/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kieker's Instrumentation Record Language: users' own record types, read from .irl files at run
 * time. What a file may hold:
 *
 *   package my.records
 *   import kieker.common.record.flow.IEventRecord      (or my.other.*)
 *   enum Kind : Others { FIRST, SECOND = 7 }
 *   template Place { string host = "here" }
 *   abstract entity Base extends Other : Place, More { const int NONE = -1   int count = NONE }
 *   event Measured extends Base { float[] values   transient int cache   Kind kind }
 *
 * with @author and @since before each, comments as in Java, the modifiers transient (the field is
 * not sent), auto-increment and changeable, "alias A as B" (no field of its own) and "grouped by
 * Type.field NAME" (of that field's type). The order of a record's fields is the wire's: those of
 * what it extends, those of its templates that are not there yet, its own. A type that extends one
 * of Kieker's events takes part in traces as that one does. The grammar is that of Kieker's
 * instrumentation-languages; `model` and `sub` are not known.
 *
 * Kieker's own types, abstract types and templates are known without their files.
 */
#ifndef KIEKER_RECORD_IRL_H
#define KIEKER_RECORD_IRL_H

#include <stddef.h>

struct irl;

/* NULL when memory is short. */
struct irl *irl_new(void);
void irl_free(struct irl *irl);

/* Reads a file; names may be of any file that is read. 0, or -1: see irl_error. */
int irl_read(struct irl *irl, const char *path);

/* The same of `size` bytes of text that came from `path`. */
int irl_read_text(struct irl *irl, const char *path, const char *text, size_t size);

/*
 * All files have been read: looks names up and adds every entity that is not abstract to the record
 * types (record_type_add), for good. Before other threads look for types. 0, or -1: nothing, or not
 * all, is added; see irl_error.
 */
int irl_finish(struct irl *irl);

/* "shop.irl:3:12: there is no type Strin ...". */
const char *irl_error(const struct irl *irl);

#endif
