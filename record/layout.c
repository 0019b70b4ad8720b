/* SPDX-License-Identifier: Apache-2.0 */
#include "record/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[FIELD_TYPES] = {[FIELD_BOOL] = "boolean",
    [FIELD_I8] = "byte",
    [FIELD_CHAR] = "char",
    [FIELD_I16] = "short",
    [FIELD_I32] = "int",
    [FIELD_I64] = "long",
    [FIELD_F32] = "float",
    [FIELD_F64] = "double",
    [FIELD_STR] = "string",
    [FIELD_ENUM] = "enum"};

/* Roles and forms by their words, and the type with whose fields one of that role and form begins.
 */
static const struct part {
    enum record_role role;
    enum record_form form;
    const char *word;
    enum record_id like;
    unsigned fields;
} parts[] = {
    {ROLE_OTHER, FORM_OPERATION, "", RECORD_EMPTY, 0},
    {ROLE_METADATA, FORM_OPERATION, "metadata", RECORD_KIEKER_METADATA, 8},
    {ROLE_TRACE_METADATA, FORM_OPERATION, "trace-metadata", RECORD_TRACE_METADATA, 6},
    {ROLE_BEFORE, FORM_OPERATION, "before", RECORD_BEFORE_OPERATION, 5},
    {ROLE_AFTER, FORM_OPERATION, "after", RECORD_AFTER_OPERATION, 5},
    {ROLE_FAILED, FORM_OPERATION, "failed", RECORD_AFTER_OPERATION_FAILED, 6},
    {ROLE_CALL, FORM_OPERATION, "call", RECORD_CALL_OPERATION, 7},
    {ROLE_REMOTE, FORM_OPERATION, "remote", RECORD_BEFORE_RECEIVED_REMOTE, 5},
    {ROLE_TRACE_EVENT, FORM_OPERATION, "trace-event", RECORD_TIMESTAMP, 1},
    {ROLE_THREAD, FORM_OPERATION, "thread", RECORD_THREAD_META_DATA, 2},
    {ROLE_EXECUTION, FORM_OPERATION, "execution", RECORD_OPERATION_EXECUTION, 8},
    {ROLE_BEFORE, FORM_CONSTRUCTOR, "constructor-before", RECORD_BEFORE_CONSTRUCTOR, 5},
    {ROLE_AFTER, FORM_CONSTRUCTOR, "constructor-after", RECORD_AFTER_CONSTRUCTOR, 5},
    {ROLE_FAILED, FORM_CONSTRUCTOR, "constructor-failed", RECORD_AFTER_CONSTRUCTOR_FAILED, 6},
    {ROLE_CALL, FORM_CONSTRUCTOR, "constructor-call", RECORD_CALL_CONSTRUCTOR, 7},
    {ROLE_BEFORE, FORM_THREAD, "thread-before", RECORD_BEFORE_THREAD_BASED, 5},
    {ROLE_AFTER, FORM_THREAD, "thread-after", RECORD_AFTER_THREAD_BASED, 5},
    {ROLE_FAILED, FORM_THREAD, "thread-failed", RECORD_AFTER_FAILED_THREAD_BASED, 6},
    {ROLE_BEFORE, FORM_DATABASE, "database-before", RECORD_BEFORE_DATABASE, 6},
    {ROLE_AFTER, FORM_DATABASE, "database-after", RECORD_AFTER_DATABASE, 6},
    {ROLE_FAILED, FORM_DATABASE, "database-failed", RECORD_DATABASE_FAILED, 5},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const struct part *part_of(const struct record_type *type)
{
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].role == type->role && parts[i].form == type->form)
            return &parts[i];
    return NULL;
}

const char *layout_word(enum record_field_type type)
{
    return words[field_element(type)];
}

size_t layout_class(const char *text, size_t length)
{
    const char *open = memchr(text, '(', length), *colon;

    if (open == NULL || text[length - 1] != ')')
        return length;
    colon = memchr(text, ':', (size_t)(open - text));
    return (size_t)((colon ? colon : open) - text);
}

const char *layout_literal(const char *literals, uint32_t number, size_t *length)
{
    while (literals && *literals) {
        *length = strcspn(literals, " ");
        if (number-- == 0)
            return literals;
        literals += *length + (literals[*length] == ' ');
    }
    return NULL;
}

char *layout_write(const struct record_type *type)
{
    const struct part *part = part_of(type);
    char *text = NULL;
    size_t size;
    FILE *out = part ? open_memstream(&text, &size) : NULL;
    int failed;

    if (out == NULL)
        return NULL;
    fprintf(out, "%s%s%s(", type->name, *part->word ? ":" : "", part->word);
    for (unsigned i = 0; i < type->field_count; i++) {
        const struct record_field *field = &type->fields[i];

        fprintf(out, "%s%s", i ? ", " : "", layout_word(field->type));
        if (field->literals)
            fprintf(out, "{%s}", field->literals);
        fprintf(out, "%s %s", field_is_array(field->type) ? "[]" : "", field->name);
    }
    failed = fputc(')', out) == EOF;
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* What is left of a text. */
struct rest {
    char *at;
};

static int take(struct rest *rest, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(rest->at, word, length) != 0)
        return 0;
    rest->at += length;
    return 1;
}

/* The bytes up to one of `ends`, which is passed over and overwritten; NULL: there are none. */
static char *take_until(struct rest *rest, const char *ends, char *end)
{
    size_t length = strcspn(rest->at, ends);
    char *from = rest->at;

    if (length == 0 || from[length] == '\0')
        return NULL;
    *end = from[length];
    from[length] = '\0';
    rest->at = from + length + 1;
    return from;
}

static int take_field(struct rest *rest, struct record_field *field)
{
    char end;
    unsigned type = 0;

    while (type < FIELD_TYPES && !take(rest, words[type]))
        type++;
    if (type == FIELD_TYPES)
        return -1;
    *field = (struct record_field){.type = (enum record_field_type)type};
    if (type == FIELD_ENUM && take(rest, "{") &&
        (field->literals = take_until(rest, "}", &end)) == NULL)
        return -1;
    if (take(rest, "[]"))
        field->type = (enum record_field_type)(type | FIELD_ARRAY);
    if (!take(rest, " ") || (field->name = take_until(rest, ",)", &end)) == NULL)
        return -1;
    if (end == ',')
        return take(rest, " ") ? 1 : -1;
    return *rest->at == '\0' ? 0 : -1;
}

/* Whether the fields are there from which traces are made, where they are looked for. */
static int suits_role(const struct record_type *type)
{
    const struct part *part = part_of(type);
    const struct record_type *like = record_type(part->like);

    if (type->field_count < part->fields)
        return 0;
    for (unsigned i = 0; i < part->fields; i++)
        if (type->fields[i].type != like->fields[i].type)
            return 0;
    if (type->role != ROLE_TRACE_EVENT)
        return 1;
    return record_type_field(type, "traceId", FIELD_I64) >= 0 &&
           record_type_field(type, "orderIndex", FIELD_I32) >= 0;
}

static int read_into(struct record_type *type, struct record_field *fields, char *text)
{
    struct rest rest = {text};
    char end;
    int more;

    type->name = take_until(&rest, ":(", &end);
    type->fields = fields;
    if (type->name == NULL)
        return -1;
    if (end == ':') {
        const char *word = take_until(&rest, "(", &end);
        size_t i = 1;

        while (i < PARTS && (word == NULL || strcmp(word, parts[i].word) != 0))
            i++;
        if (i == PARTS)
            return -1;
        type->role = parts[i].role;
        type->form = parts[i].form;
    }
    for (more = !take(&rest, ")"); more > 0; type->field_count++)
        if (type->field_count == RECORD_FIELDS_MAX ||
            (more = take_field(&rest, &fields[type->field_count])) < 0)
            return -1;
    record_type_measure(type);
    return *rest.at == '\0' && suits_role(type) ? 0 : -1;
}

struct record_type *layout_read(const char *text, size_t length)
{
    struct whole {
        struct record_type type;
        struct record_field fields[RECORD_FIELDS_MAX];
        char text[]; /* twice: as it is, and cut into words */
    } * whole;

    if (length == 0 || text[length - 1] != ')' || memchr(text, '\0', length) ||
        (whole = calloc(1, sizeof(*whole) + 2 * (length + 1))) == NULL)
        return NULL;
    memcpy(whole->text, text, length);
    memcpy(whole->text + length + 1, text, length);
    whole->type.stored = whole->text;
    if (read_into(&whole->type, whole->fields, whole->text + length + 1) == 0)
        return &whole->type;
    free(whole);
    return NULL;
}

void layout_free(struct record_type *type)
{
    free(type);
}
