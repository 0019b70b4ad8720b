/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logfile.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX 32 /* characters of any number, with the separator */
#define HEAD 12       /* bytes of a binary record before its fields */

/* Digits of an integer, without the locale's help. */
static char *put_integer(char *at, int64_t value)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[20];
    int count = 0;

    if (value < 0)
        *at++ = '-';
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

/* Whether the digits mean that value, or that float. */
static int means(const char *digits, double value, int is_single)
{
    return is_single ? strtof(digits, NULL) == (float)value : strtod(digits, NULL) == value;
}

/*
 * The fewest digits that mean the value (of the smallest, which have hardly any: the nearest two),
 * without sign and point. Returns how many; sets the power of ten of the first.
 */
static int find_digits(char digits[NUMBER_MAX], int *power, double value, int is_single)
{
    int is_small = fabs(value) < (is_single ? FLT_MIN : DBL_MIN);
    int most = is_small ? 2 : is_single ? FLT_DIG : DBL_DIG, count = 0;
    char text[NUMBER_MAX], *from = text;

    for (; most <= DBL_DECIMAL_DIG; most++) {
        snprintf(text, sizeof(text), "%.*e", most - 1, fabs(value));
        if (means(text, fabs(value), is_single))
            break;
    }
    for (; *from != 'e'; from++)
        if (*from >= '0' && *from <= '9') /* the point is the locale's */
            digits[count++] = *from;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    *power = (int)strtol(from + 1, NULL, 10);
    return count;
}

/* As Java writes it (Double.toString). */
static char *put_real(char *at, double value, int is_single)
{
    char digits[NUMBER_MAX];
    int power, count, point;

    if (isnan(value))
        return (char *)memcpy(at, "NaN", 3) + 3;
    if (signbit(value))
        *at++ = '-';
    if (isinf(value))
        return (char *)memcpy(at, "Infinity", 8) + 8;
    count = find_digits(digits, &power, value, is_single);
    point = power >= -3 && power < 7 ? power : 0; /* stands behind the digit with that number */
    for (int i = point < 0 ? point : 0; i <= point + 1 || i < count; i++) {
        *at++ = i >= 0 && i < count ? digits[i] : '0';
        if (i == point)
            *at++ = '.';
    }
    if (point == power)
        return at;
    *at++ = 'E';
    return put_integer(at, power);
}

/* A UTF-16 unit; half of a pair is no character. */
static char *put_unit(char *at, uint16_t unit)
{
    if (unit == ';' || unit == '\n' || unit == '\r') {
        *at++ = unit == ';' ? ',' : ' ';
    } else if (unit < 0x80) {
        *at++ = (char)unit;
    } else if (unit < 0x800) {
        *at++ = (char)(0xC0 | unit >> 6);
        *at++ = (char)(0x80 | (unit & 0x3F));
    } else if (unit >= 0xD800 && unit < 0xE000) {
        *at++ = '?';
    } else {
        *at++ = (char)(0xE0 | unit >> 12);
        *at++ = (char)(0x80 | (unit >> 6 & 0x3F));
        *at++ = (char)(0x80 | (unit & 0x3F));
    }
    return at;
}

static char *put_string(char *at, const struct registry_entry *entry, int is_last)
{
    int hides = 0; /* a backslash before it, which readers take for the beginning of an escape */

    for (uint32_t i = 0; entry != NULL && i < entry->length; i++) {
        char c = entry->text[i];

        *at++ = (char)(c == ';' && !is_last ? ',' : c == '\n' || c == '\r' ? ' ' : c);
        hides = c == '\\' && !hides;
    }
    if (hides)
        at[-1] = '/';
    return at;
}

static const struct registry_entry *string_at(
    const struct record *record, const unsigned char *value)
{
    return registry_get(record->registry, (int32_t)bytes_get32(value));
}

size_t logfile_name_max(size_t length)
{
    return NUMBER_MAX + 2 * length;
}

size_t logfile_text_max(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    size_t size = 3 * NUMBER_MAX;

    while (record_next_value(&cursor)) {
        enum record_field_type type = record->type->fields[cursor.field].type;

        size += NUMBER_MAX;
        if (field_element(type) == FIELD_STR && cursor.at != NULL) {
            const struct registry_entry *entry = string_at(record, cursor.at);

            size += entry != NULL ? entry->length : 0;
        }
    }
    return size;
}

size_t logfile_binary_max(const struct record *record)
{
    return HEAD + record->size;
}

char *logfile_put_name(char *at, uint32_t number, const char *text, size_t length)
{
    *at++ = '$';
    at = put_integer(at, number);
    *at++ = '=';
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '\\' || c == '\n' || c == '\r')
            *at++ = '\\';
        *at++ = (char)(c == '\n' ? 'n' : c == '\r' ? 'r' : c);
    }
    *at++ = '\n';
    return at;
}

static char *put_element(char *at, const struct record *record, enum record_field_type type,
    const unsigned char *value, int is_last)
{
    uint64_t bits;
    uint32_t half;
    double number;
    float single;

    switch (type) {
    case FIELD_BOOL:
        return *value == 1 ? (char *)memcpy(at, "true", 4) + 4 : (char *)memcpy(at, "false", 5) + 5;
    case FIELD_I8:
        return put_integer(at, (int8_t)*value);
    case FIELD_CHAR:
        return put_unit(at, bytes_get16(value));
    case FIELD_I16:
        return put_integer(at, (int16_t)bytes_get16(value));
    case FIELD_I32:
    case FIELD_ENUM:
        return put_integer(at, (int32_t)bytes_get32(value));
    case FIELD_I64:
        return put_integer(at, (int64_t)bytes_get64(value));
    case FIELD_F32:
        half = bytes_get32(value);
        memcpy(&single, &half, sizeof(single));
        return put_real(at, single, 1);
    case FIELD_F64:
        bits = bytes_get64(value);
        memcpy(&number, &bits, sizeof(number));
        return put_real(at, number, 0);
    default:
        return put_string(at, string_at(record, value), is_last);
    }
}

/* Whether the line ends with the value. */
static int is_last(const struct record *record, const struct record_cursor *cursor)
{
    return cursor->field + 1u == record->type->field_count &&
           (!field_is_array(record->type->fields[cursor->field].type) ||
               cursor->element + 1 == cursor->elements);
}

static char *put_value(char *at, const struct record *record, const struct record_cursor *cursor)
{
    enum record_field_type type = record->type->fields[cursor->field].type;

    if (field_is_array(type)) {
        if (cursor->element == 0)
            at = put_integer(at, cursor->elements);
        if (cursor->at == NULL)
            return at;
        if (cursor->element == 0)
            *at++ = ';';
    }
    return put_element(at, record, field_element(type), cursor->at, is_last(record, cursor));
}

char *logfile_put_text(char *at, const struct record *record, uint32_t class, int64_t logged)
{
    struct record_cursor cursor = {.record = record};

    *at++ = '$';
    at = put_integer(at, class);
    *at++ = ';';
    at = put_integer(at, logged);
    while (record_next_value(&cursor)) {
        *at++ = ';';
        at = put_value(at, record, &cursor);
    }
    *at++ = '\n';
    return at;
}

static void put_symbol(char *fields, const struct record *record, const unsigned char *value)
{
    const struct registry_entry *entry = string_at(record, value);

    bytes_put32((unsigned char *)fields + (value - record->fields),
        entry != NULL ? entry->symbol : REGISTRY_NO_SYMBOL);
}

char *logfile_put_binary(char *at, const struct record *record, uint32_t class, int64_t logged)
{
    struct record_cursor cursor = {.record = record};

    bytes_put32((unsigned char *)at, class);
    bytes_put64((unsigned char *)at + 4, (uint64_t)logged);
    at += HEAD;
    memcpy(at, record->fields, record->size);
    while (record_next_value(&cursor)) {
        enum record_field_type type = record->type->fields[cursor.field].type;

        if (field_element(type) == FIELD_STR && cursor.at != NULL)
            put_symbol(at, record, cursor.at);
    }
    return at + record->size;
}
