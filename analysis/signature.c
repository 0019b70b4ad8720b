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

/* A piece of a signature. */
struct piece {
    const char *text;
    size_t length;
};

/* Takes the next piece off *rest, up to `separator` (' ': any blank), blanks around it left out;
 * empty ones are passed over. */
static int next_piece(struct piece *rest, char separator, struct piece *piece)
{
    while (rest->length > 0) {
        const char *at = rest->text;
        size_t length = 0;

        while (length < rest->length &&
               (separator == ' ' ? !is_blank(at[length]) : at[length] != separator))
            length++;
        *piece = (struct piece){at, length};
        length += length < rest->length;
        rest->text += length;
        rest->length -= length;
        while (piece->length > 0 && is_blank(piece->text[0])) {
            piece->text++;
            piece->length--;
        }
        while (piece->length > 0 && is_blank(piece->text[piece->length - 1]))
            piece->length--;
        if (piece->length > 0)
            return 1;
    }
    return 0;
}

static int is_same(const struct piece *a, const struct piece *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* What is before the parameters, and these. */
static void part(const char *text, size_t length, struct piece *head, struct piece *parameters)
{
    const char *open = memchr(text, '(', length);

    *head = (struct piece){text, open ? (size_t)(open - text) : length};
    *parameters = (struct piece){text, 0};
    if (open && (size_t)(open - text) + 1 < length) /* the last character is the closing one */
        *parameters = (struct piece){open + 1, length - (size_t)(open - text) - 2};
}

static void strip_class(struct piece *name)
{
    size_t dot = (size_t)(last_of(name->text, name->length, '.') + 1);

    name->text += dot;
    name->length -= dot;
}

int signature_is_alike(const char *a, size_t a_length, const char *b, size_t b_length)
{
    struct piece a_head, b_head, a_rest, b_rest, x, y, last_x = {"", 0}, last_y = {"", 0};
    int more;

    part(a, a_length, &a_head, &a_rest);
    part(b, b_length, &b_head, &b_rest);
    while ((more = next_piece(&a_head, ' ', &x)) == next_piece(&b_head, ' ', &y) && more) {
        if (!is_same(&last_x, &last_y))
            return 0;
        last_x = x;
        last_y = y;
    }
    if (more || next_piece(&b_head, ' ', &y))
        return 0;
    strip_class(&last_x);
    strip_class(&last_y);
    if (!is_same(&last_x, &last_y))
        return 0;
    while ((more = next_piece(&a_rest, ',', &x)) == next_piece(&b_rest, ',', &y) && more)
        if (!is_same(&x, &y))
            return 0;
    return !more && !next_piece(&b_rest, ',', &y);
}
