/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/query.h"

#include <stdlib.h>
#include <string.h>

int bits_init(struct bits *bits, uint32_t numbers)
{
    bits->count = (size_t)numbers / 64 + 1;
    bits->words = calloc(bits->count, sizeof(*bits->words));
    if (bits->words)
        return 0;
    bits->count = 0;
    return -1;
}

void bits_fini(struct bits *bits)
{
    free(bits->words);
    *bits = (struct bits){0};
}

int glob_matches(const char *glob, const char *text)
{
    const char *star = NULL, *resume = NULL; /* the last * and where it may go on */

    while (*text) {
        if (*glob == '*') {
            star = glob++;
            resume = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            /* one character, not one byte */
            text++;
            if (glob[-1] == '?')
                while ((*text & 0xC0) == 0x80)
                    text++;
        } else if (star) {
            glob = star + 1;
            text = ++resume;
        } else {
            return 0;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

int operation_matches(struct store_reader *reader, uint32_t operation, const char *glob)
{
    const char *name, *component;
    char stack[512], *both = stack;
    size_t length;
    int matches;

    store_operation(reader, operation, &name, &component);
    if (glob_matches(glob, name))
        return 1;
    if (*component == '\0')
        return 0;
    length = strlen(component) + strlen(name) + 2;
    if (length > sizeof(stack) && (both = malloc(length)) == NULL)
        return 0;
    strcpy(both, component);
    strcat(strcat(both, "."), name);
    matches = glob_matches(glob, both);
    if (both != stack)
        free(both);
    return matches;
}
