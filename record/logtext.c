/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logtext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* What is left of a line; `at` is NULL when nothing is. */
struct rest {
    const char *at, *end;
};

struct token {
    const char *text;
    size_t length;
};

/* Takes the number at the begin of [at, end); gives what follows, or NULL. */
static const char *take_id(const char *at, const char *end, int32_t *id)
{
    uint32_t value = 0;
    const char *from = at;

    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (value > (INT32_MAX - 9u) / 10)
            return NULL;
        value = value * 10 + (uint32_t)(*at - '0');
    }
    *id = (int32_t)value;
    return at == from ? NULL : at;
}

/* Takes back how map files hide backslashes and line ends. */
static size_t unescape(const char *from, size_t length, char *to)
{
    size_t size = 0;

    for (size_t i = 0; i < length; i++) {
        char next = from[i] == '\\' && i + 1 < length ? from[i + 1] : 0;

        to[size++] = (char)(next == '\\'  ? '\\'
                            : next == 'n' ? '\n'
                            : next == 'r' ? '\r'
                                          : from[i]);
        i += next == '\\' || next == 'n' || next == 'r';
    }
    return size;
}

int logtext_map_line(struct registry *map, const char *line, size_t length)
{
    const char *at = line, *end = line + length;
    char *text;
    int32_t id = 0;
    int put;

    if (at < end && *at == '$')
        at++;
    at = take_id(at, end, &id);
    if (at == NULL || at == end || *at != '=')
        return 0;
    at++;
    text = malloc((size_t)(end - at) + 1);
    if (text == NULL)
        return -1;
    put = registry_put(map, id, text, unescape(at, (size_t)(end - at), text));
    free(text);
    return put < 0 ? -1 : 1;
}

void logtext_init(struct logtext *text, const struct registry *map)
{
    memset(text, 0, sizeof(*text));
    text->map = map;
    build_init(&text->build);
}

void logtext_fini(struct logtext *text)
{
    build_fini(&text->build);
}

static enum logtext_result fail(struct logtext *text, const char *what, const struct token *token)
{
    snprintf(text->error, sizeof(text->error), "%s%s%.*s", what, token ? ": " : "",
        token ? (int)(token->length < 60 ? token->length : 60) : 0, token ? token->text : "");
    return LOGTEXT_WRONG;
}

/* The next token, or all that is left. 0 when nothing is. */
static int take_token(struct rest *rest, struct token *token, int all)
{
    const char *stop;

    if (rest->at == NULL)
        return 0;
    stop = all ? NULL : memchr(rest->at, ';', (size_t)(rest->end - rest->at));
    *token = (struct token){rest->at, (size_t)((stop ? stop : rest->end) - rest->at)};
    rest->at = stop ? stop + 1 : NULL;
    return 1;
}

static unsigned count_tokens(struct rest rest)
{
    struct token token;
    unsigned count = 0;

    while (take_token(&rest, &token, 0))
        count++;
    return count;
}

static int copy_number(const struct token *token, char *number, size_t size)
{
    size_t from = 0, length = token->length;

    while (from < length && token->text[from] == ' ')
        from++;
    while (length > from && (token->text[length - 1] == ' ' || token->text[length - 1] == '\r'))
        length--;
    if (length == from || length - from >= size)
        return -1;
    memcpy(number, token->text + from, length - from);
    number[length - from] = '\0';
    return 0;
}

static int parse_integer(const struct token *token, int64_t least, int64_t most, int64_t *value)
{
    char number[32], *end;
    long long parsed;

    if (copy_number(token, number, sizeof(number)) < 0)
        return -1;
    errno = 0;
    parsed = strtoll(number, &end, 10);
    *value = parsed;
    return *end != '\0' || errno != 0 || parsed < least || parsed > most ? -1 : 0;
}

/* Java's spelling is strtod's, but for the locale, which no program of ours changes. */
static int parse_real(const struct token *token, double *value)
{
    char number[64], *end;

    if (copy_number(token, number, sizeof(number)) < 0)
        return -1;
    *value = strtod(number, &end);
    return *end != '\0' ? -1 : 0;
}

/* The first UTF-16 unit of a text. */
static uint16_t unit_of(const struct token *token)
{
    const unsigned char *at = (const unsigned char *)token->text;

    if (token->length >= 3 && at[0] >= 0xE0 && at[0] < 0xF0)
        return (uint16_t)((at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F));
    if (token->length >= 2 && at[0] >= 0xC0 && at[0] < 0xE0)
        return (uint16_t)((at[0] & 0x1F) << 6 | (at[1] & 0x3F));
    return token->length > 0 ? at[0] : 0;
}

/* The next value of the record, from its text. */
static enum logtext_result put_value(struct logtext *text, const struct token *token)
{
    struct build *build = &text->build;
    int64_t integer;
    double real;

    switch (build_next(build)) {
    case FIELD_BOOL:
        if (build_integer(build, token->length >= 4 && strncasecmp(token->text, "true", 4) == 0) ==
            0)
            return LOGTEXT_RECORD;
        break;
    case FIELD_CHAR:
        if (build_integer(build, unit_of(token)) == 0)
            return LOGTEXT_RECORD;
        break;
    case FIELD_F32:
    case FIELD_F64:
        if (parse_real(token, &real) == 0 && build_real(build, real) == 0)
            return LOGTEXT_RECORD;
        break;
    case FIELD_STR:
        if (build_text(build, token->text, token->length) == 0)
            return LOGTEXT_RECORD;
        break;
    default:
        if (parse_integer(token, INT64_MIN, INT64_MAX, &integer) == 0 &&
            build_integer(build, integer) == 0)
            return LOGTEXT_RECORD;
    }
    return fail(text, "this is no value that the field can have", token);
}

/* What a field that the line does not have becomes. */
static int missing(struct token *token, enum record_field_type type)
{
    *token = (struct token){"", 0};
    return type == FIELD_STR || type == FIELD_CHAR ? 0 : -1;
}

static enum logtext_result put_array(struct logtext *text, struct rest *rest, int is_last)
{
    enum record_field_type element = field_element(build_next(&text->build));
    enum logtext_result result = LOGTEXT_RECORD;
    struct token token;
    int64_t count;

    if (!take_token(rest, &token, 0))
        return LOGTEXT_SHORT;
    if (parse_integer(&token, 0, LOGTEXT_ARRAY_MAX, &count) < 0 ||
        build_length(&text->build, (uint32_t)count) < 0)
        return fail(text, "this is no length that an array can have", &token);
    for (int64_t i = 0; i < count && result == LOGTEXT_RECORD; i++) {
        if (!take_token(rest, &token, is_last && i + 1 == count && element == FIELD_STR) &&
            missing(&token, element) < 0)
            return LOGTEXT_SHORT;
        result = put_value(text, &token);
    }
    return result;
}

static enum logtext_result put_fields(struct logtext *text, struct rest rest)
{
    const struct record_type *type = text->build.record.type;
    enum logtext_result result = LOGTEXT_RECORD;

    for (unsigned i = 0; i < type->field_count && result == LOGTEXT_RECORD; i++) {
        enum record_field_type field = type->fields[i].type;
        int is_last = i + 1 == type->field_count;
        struct token token;

        if (field_is_array(field)) {
            result = put_array(text, &rest, is_last);
            continue;
        }
        if (!take_token(&rest, &token, is_last && field == FIELD_STR) && missing(&token, field) < 0)
            return LOGTEXT_SHORT;
        result = put_value(text, &token);
    }
    text->record = result == LOGTEXT_RECORD ? build_end(&text->build) : NULL;
    return result;
}

static enum logtext_result finish(
    struct logtext *text, const struct record_type *type, int64_t logged, struct rest rest)
{
    /* An operation execution with an experiment's number has one field more. */
    if (record_type_id(type) == RECORD_OPERATION_EXECUTION &&
        count_tokens(rest) == type->field_count + 1) {
        struct token experiment;

        take_token(&rest, &experiment, 0);
    }
    build_begin(&text->build, type, logged);
    return put_fields(text, rest);
}

enum logtext_result logtext_line(struct logtext *text, const char *line, size_t length)
{
    struct rest rest = {line, line + length};
    const struct registry_entry *class;
    struct token token = {line, 0};
    int64_t logged;
    int32_t id = 0;

    text->has_no_class = 0;
    if (length == 0)
        return LOGTEXT_EMPTY;
    if (*line != '$') {
        const struct record_type *type = record_type(RECORD_OPERATION_EXECUTION);

        return count_tokens(rest) == type->field_count + 1
                   ? finish(text, type, RECORD_NOT_LOGGED, rest)
                   : fail(text, "this line is no record", NULL);
    }
    take_token(&rest, &token, 0);
    if (take_id(token.text + 1, token.text + token.length, &id) != token.text + token.length)
        return fail(text, "a record begins with its class's number", &token);
    class = registry_get(text->map, id);
    text->has_no_class = class == NULL;
    if (class == NULL || class->type == NULL)
        return fail(text,
            class ? "this class is not known: --records teaches it" : "the map has no class",
            class ? &(struct token){class->text, class->length} : &token);
    if (!take_token(&rest, &token, 0))
        return LOGTEXT_SHORT;
    if (parse_integer(&token, INT64_MIN, INT64_MAX, &logged) < 0)
        return fail(text, "this is no logging timestamp", &token);
    return finish(text, class->type, logged, rest);
}

/* The bytes of a value at `at`; 0 when it is not whole. */
static size_t bridge_size(
    enum record_field_type type, const unsigned char *at, const unsigned char *end)
{
    size_t there = (size_t)(end - at), size = field_width(type);

    if (type == FIELD_STR && there >= 4)
        size += bytes_get32(at);
    return there >= size ? size : 0;
}

static int put_bridged(struct build *build, const unsigned char *at, size_t size)
{
    uint64_t bits = 0;
    float single;
    double real;
    enum record_field_type type = build_next(build);

    if (type == FIELD_STR)
        return build_text(build, (const char *)at + 4, size - 4);
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | at[i];
    if (type == FIELD_F64) {
        memcpy(&real, &bits, sizeof(real));
        return build_real(build, real);
    }
    if (type == FIELD_F32) {
        uint32_t half = (uint32_t)bits;

        memcpy(&single, &half, sizeof(single));
        return build_real(build, single);
    }
    /* The sign, of what is no 64 bits wide. */
    if (type != FIELD_CHAR && size < 8 && bits >> (8 * size - 1))
        bits |= UINT64_MAX << 8 * size;
    return build_integer(build, type == FIELD_BOOL ? bits == 1 : (int64_t)bits);
}

enum logtext_result logtext_bridge(
    struct logtext *text, const unsigned char **at, const unsigned char *end)
{
    const unsigned char *next = *at + 4;
    const struct registry_entry *class;

    if (end - *at < 4)
        return LOGTEXT_SHORT;
    class = registry_get(text->map, (int32_t)bytes_get32(*at));
    if (class == NULL || class->type == NULL || class->type->arrays)
        return fail(text, "a record's class is not in the map, or not known", NULL);
    build_begin(&text->build, class->type, RECORD_NOT_LOGGED);
    for (unsigned i = 0; i < class->type->field_count; i++) {
        size_t size = bridge_size(class->type->fields[i].type, next, end);

        if (size == 0)
            return LOGTEXT_SHORT;
        if (put_bridged(&text->build, next, size) < 0)
            return fail(text, "a string is too long to be kept, or memory is short", NULL);
        next += size;
    }
    text->record = build_end(&text->build);
    *at = next;
    return LOGTEXT_RECORD;
}

int logtext_begins(const char *line, size_t length)
{
    const char *end = line + length, *at;
    int32_t id = 0;

    if (length == 0 || *line != '$')
        return 0;
    at = take_id(line + 1, end, &id);
    return at && (at == end || (*at == ';' && (at + 1 == end || at[1] == '-' ||
                                                  (at[1] >= '0' && at[1] <= '9'))));
}
