/* SPDX-License-Identifier: Apache-2.0 */
#include "record/talk.h"

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

    for (size_t i = 0; i < length && size + 1 < TALK_VALUE_MAX; i++) {
        if (from[i] == '%' && i + 2 < length && hex(from[i + 1]) >= 0 && hex(from[i + 2]) >= 0) {
            value[size++] = (char)(hex(from[i + 1]) << 4 | hex(from[i + 2]));
            i += 2;
        } else {
            value[size++] = from[i];
        }
    }
    value[size] = '\0';
}

const char *talk_is(const char *text, const char *name)
{
    size_t length = strlen(name);

    return strncmp(text, name, length) == 0 && (text[length] == ' ' || text[length] == '\0')
               ? text + length
               : NULL;
}

int talk_has_key(const struct talk_pair *pair, const char *key)
{
    return strlen(key) == pair->key_length && memcmp(key, pair->key, pair->key_length) == 0;
}

int talk_next(const char **text, struct talk_pair *pair)
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

char *talk_encode(char *at, const char *value)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if (c > ' ' && c < 0x7F && c != '%') {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    *at = '\0';
    return at;
}
