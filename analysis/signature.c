/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/signature.h"

#include <string.h>

#define LOCALS ".<locals>"

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The last of `length` characters that is `c`, or -1. */
static ptrdiff_t last_of(const char *text, size_t length, char c)
{
    for (ptrdiff_t i = (ptrdiff_t)length - 1; i >= 0; i--)
        if (text[i] == c)
            return i;
    return -1;
}

/* Whether what ends there is Python's mark between a function and one that is nested in it. */
static int ends_in_locals(const char *text, size_t length)
{
    return length > strlen(LOCALS) &&
           memcmp(text + length - strlen(LOCALS), LOCALS, strlen(LOCALS)) == 0;
}

/* Narrows to the last word before the parameters. */
static void last_word(const char **text, size_t *length)
{
    const char *open = memchr(*text, '(', *length);
    size_t start;

    if (open)
        *length = (size_t)(open - *text);
    while (*length > 0 && is_blank((*text)[*length - 1]))
        --*length;
    start = *length;
    while (start > 0 && !is_blank((*text)[start - 1]))
        start--;
    *text += start;
    *length -= start;
}

void signature_parse(const char *text, size_t length, const char *class_text, size_t class_length,
    struct signature *parsed)
{
    int has_parameters = memchr(text, '(', length) != NULL;
    ptrdiff_t dot;

    *parsed = (struct signature){text, class_text, length, class_length};
    if (!has_parameters && class_length > 0) {
        /* A name of Python: its own dots are nesting. Java's ways to leave out the parameters
         * repeat the class. */
        if (length > class_length + 1 && memcmp(text, class_text, class_length) == 0 &&
            text[class_length] == '.') {
            parsed->operation += class_length + 1;
            parsed->operation_length -= class_length + 1;
        }
        return;
    }
    last_word(&text, &length);
    if (length == 0)
        return;
    dot = last_of(text, length, '.');
    while (dot > 0 && ends_in_locals(text, (size_t)dot))
        dot = last_of(text, (size_t)dot - strlen(LOCALS), '.');
    parsed->operation = text + dot + 1;
    parsed->operation_length = length - (size_t)(dot + 1);
    if (class_length == 0 && dot > 0) {
        parsed->component = text;
        parsed->component_length = (size_t)dot;
    }
}
