/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* wcwidth */

#include "query/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* The character at `at` and the bytes it takes; what is not UTF-8 is U+FFFD of one byte. */
static uint32_t character(const char *at, size_t *bytes)
{
    const unsigned char *in = (const unsigned char *)at;
    uint32_t code = in[0];
    size_t more = in[0] < 0xC0 ? 0 : in[0] < 0xE0 ? 1 : in[0] < 0xF0 ? 2 : 3;

    *bytes = 1;
    if (in[0] < 0x80)
        return code;
    if (more == 0 || in[0] >= 0xF8)
        return 0xFFFD;
    code &= 0x3Fu >> more;
    for (size_t i = 1; i <= more; i++) {
        if ((in[i] & 0xC0) != 0x80)
            return 0xFFFD;
        code = code << 6 | (in[i] & 0x3F);
    }
    /* Longer than need be is not UTF-8 either: it may be read as something else. */
    if (code < (more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u))
        return 0xFFFD;
    *bytes = more + 1;
    return code;
}

static int is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
           code == 0xFEFF;
}

static unsigned columns(uint32_t code)
{
    int width = code < 0x80 ? 1 : wcwidth((wchar_t)code);

    return width < 0 ? 1 : (unsigned)width;
}

char *text_clean(const char *text, int utf8)
{
    char *clean = malloc(strlen(text) * 3 + 1), *to = clean;
    size_t bytes;

    if (clean == NULL)
        return NULL;
    for (; *text != '\0'; text += bytes) {
        uint32_t code = character(text, &bytes);

        if (!utf8 && (code >= 0x80 || is_harmful(code))) {
            *to++ = '?';
        } else if (code == 0xFFFD || is_harmful(code)) {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3;
        } else {
            memcpy(to, text, bytes);
            to += bytes;
        }
    }
    *to = '\0';
    return clean;
}

unsigned text_width(const char *text)
{
    unsigned width = 0;
    size_t bytes;

    for (; *text != '\0'; text += bytes)
        width += columns(character(text, &bytes));
    return width;
}

/* What follows the first `width` columns, less what of them a wide character would pass; with
 * `whole`, more. */
static char *behind(char *text, unsigned width, int whole)
{
    size_t bytes;

    while (*text != '\0' && width > 0) {
        unsigned next = columns(character(text, &bytes));

        if (next > width && !whole)
            break;
        width -= next > width ? width : next;
        text += bytes;
    }
    return text;
}

void text_shorten(char *text, unsigned width, int utf8)
{
    const char *sign = utf8 ? "\xE2\x80\xA6" : "~";
    unsigned own = text_width(text), tail;
    char *cut, *rest;

    if (own <= width || width == 0)
        return;
    tail = (width - 1) * 2 / 3; /* the end says more: it is the operation's own name */
    cut = behind(text, width - 1 - tail, 0);
    rest = behind(text, own - tail, 1);
    memmove(cut + strlen(sign), rest, strlen(rest) + 1);
    memcpy(cut, sign, strlen(sign));
}
