/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/list.h"

#include <stdlib.h>
#include <string.h>

int list_grow(void *items, size_t *capacity, size_t element)
{
    size_t bigger = *capacity ? *capacity * 2 : 16;
    void *old, *new;

    memcpy(&old, items, sizeof(old));
    new = realloc(old, bigger * element);
    if (new == NULL)
        return -1;
    memcpy(items, &new, sizeof(new));
    *capacity = bigger;
    return 0;
}
