/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays of any element type: LIST(struct x) is the list, list_add gives the place of a new
 * element. */
#ifndef KIEKER_ANALYSIS_LIST_H
#define KIEKER_ANALYSIS_LIST_H

#include <stddef.h>

#define LIST(type)                                                                                 \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }

/* Doubles what `items` points to. 0, or -1 when memory is short (all is as it was). */
int list_grow(void *items, size_t *capacity, size_t element);

/* The place of one more element, uninitialised, or NULL when memory is short. */
#define list_add(list)                                                                             \
    ((list)->count < (list)->capacity ||                                                           \
                list_grow(&(list)->items, &(list)->capacity, sizeof(*(list)->items)) == 0          \
            ? &(list)->items[(list)->count++]                                                      \
            : NULL)

#define list_fini(list)                                                                            \
    (free((list)->items), (list)->items = NULL, (list)->count = (list)->capacity = 0)

#endif
