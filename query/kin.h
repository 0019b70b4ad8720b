/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which trace has started a trace, and which it has started: new references, or NULL. A place is
 * told as "order" (the client's order index; null: it did not say), and as "call", "operation" and
 * "component" of the innermost call that was open there: null where that is not known.
 */
#ifndef KIEKER_QUERY_KIN_H
#define KIEKER_QUERY_KIN_H

#include "query/answer.h"

/* {"id", "trace_id", and the place}, "id" null if it is not known (it is not stored any more, or
 * before version 3 of the schema); null: nothing has started it. */
json_t *kin_parent(struct store_reader *reader, const struct trace *trace);

/* Rows as `traces` has them, with their place, of the first of them; how many there are in *total.
 */
json_t *kin_children(struct store_reader *reader, const struct trace *trace, uint64_t *total);

/* Both for people, from an answer with "parent" and "children". */
struct page;
void kin_print_parent(struct page *page, const json_t *parent);
void kin_print_children(struct page *page, const json_t *answer);

#endif
