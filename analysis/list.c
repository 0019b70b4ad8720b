/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/list.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 128 /* little: tens of thousands of open traces have lists of their own */

int list_grow(void *items, size_t *capacity, size_t element)
{
    size_t first = element < FIRST_BYTES / 2 ? FIRST_BYTES / element : 2;
    size_t bigger = *capacity ? *capacity * 2 : first;
    void *old, *new;

    memcpy(&old, items, sizeof(old));
    new = realloc(old, bigger * element);
    if (new == NULL)
        return -1;
    memcpy(items, &new, sizeof(new));
    *capacity = bigger;
    return 0;
}
