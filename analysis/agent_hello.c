/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/agent_hello.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void decode(const char *from, size_t length, char *value)
{
    size_t size = 0;

    for (size_t i = 0; i < length && size + 1 < HELLO_VALUE_MAX; i++) {
        if (from[i] == '%' && i + 2 < length && hex(from[i + 1]) >= 0 && hex(from[i + 2]) >= 0) {
            value[size++] = (char)(hex(from[i + 1]) << 4 | hex(from[i + 2]));
            i += 2;
        } else {
            value[size++] = from[i];
        }
    }
    value[size] = '\0';
}

int hello_next(const char **text, struct hello_pair *pair)
{
    while (**text) {
        const char *word = *text + strspn(*text, " ");
        size_t length = strcspn(word, " ");
        const char *equals = memchr(word, '=', length);

        *text = word + length;
        if (equals == NULL || equals == word)
            continue;
        pair->key = word;
        pair->key_length = (size_t)(equals - word);
        decode(equals + 1, length - pair->key_length - 1, pair->value);
        return 1;
    }
    return 0;
}
