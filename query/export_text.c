/* SPDX-License-Identifier: Apache-2.0 */
#include "query/export.h"

#include "query/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How many bytes there are that stand for themselves. */
static size_t plain_bytes(const unsigned char *at, size_t left)
{
    size_t count = 0;

    while (count < left && at[count] >= 0x20 && at[count] < 0x7F && at[count] != '"' &&
           at[count] != '\\')
        count++;
    return count;
}

/* The inside of a JSON string. */
static void put_inside(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t plain = plain_bytes(at, left), length = plain ? plain : answer_sequence(at, left);

        if (plain > 0)
            fwrite(at, 1, plain, out);
        else if (length == 0)
            fputs("\\ufffd", out);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7F)
            fprintf(out, "\\u%04x", *at);
        else
            fwrite(at, 1, length, out);
        length += length == 0;
        at += length;
        left -= length;
    }
}

void export_json(FILE *out, const char *text)
{
    putc('"', out);
    put_inside(out, text);
    putc('"', out);
}

void export_json_name(FILE *out, struct store_reader *reader, uint32_t operation)
{
    const char *name = "", *component = "";

    (void)store_operation(reader, operation, &name, &component); /* none: empty texts */
    putc('"', out);
    put_inside(out, component);
    if (*component != '\0')
        putc('.', out);
    put_inside(out, name);
    putc('"', out);
}

static void put_plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        putc(*text == ';' ? ',' : (unsigned char)*text < 0x20 ? ' ' : *text, out);
}

void export_plain_name(FILE *out, struct store_reader *reader, uint32_t operation)
{
    const char *name = "", *component = "";

    (void)store_operation(reader, operation, &name, &component);
    put_plain(out, component);
    if (*component != '\0')
        putc('.', out);
    put_plain(out, *name == '\0' && *component == '\0' ? "?" : name);
}

void export_us(FILE *out, int64_t ns)
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    fprintf(out, "%s%" PRIu64 ".%03" PRIu64, ns < 0 ? "-" : "", size / 1000, size % 1000);
}
