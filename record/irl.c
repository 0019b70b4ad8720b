/* SPDX-License-Identifier: Apache-2.0 */
#include "record/irl_parse.h"
#include "record/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16u << 20) /* bytes of a file */

#define BASE(role, name, fields)                                                                   \
    {name, ROLE_##role, (const struct record_field[]){fields{NULL, 0, NULL}}},
#define FIELD(name, type) {#name, FIELD_##type, NULL},
static const struct base {
    const char *name;
    unsigned role;                     /* and form, see types.h */
    const struct record_field *fields; /* up to one without a name */
} bases[] = {
#include "record/types.def"
};

static const struct {
    const char *name;
    enum record_field_type type;
} primitives[] = {{"string", FIELD_STR}, {"boolean", FIELD_BOOL}, {"byte", FIELD_I8},
    {"char", FIELD_CHAR}, {"short", FIELD_I16}, {"int", FIELD_I32}, {"long", FIELD_I64},
    {"float", FIELD_F32}, {"double", FIELD_F64}};

/* What a name stands for: a type of the files, or fields that are known without. */
struct target {
    struct irl_type *type;
    unsigned role;
    const struct record_field *fields;
    unsigned count;
};

struct irl *irl_new(void)
{
    return calloc(1, sizeof(struct irl));
}

void irl_free(struct irl *irl)
{
    if (irl == NULL)
        return;
    for (size_t i = 0; i < irl->count; i++)
        irl_type_free(irl->types[i]);
    while (irl->files) {
        struct irl_file *next = irl->files->next;

        irl_file_free(irl->files);
        irl->files = next;
    }
    free(irl);
}

const char *irl_error(const struct irl *irl)
{
    return irl->error;
}

static int fail_to_read(struct irl *irl, const char *path, const char *why)
{
    snprintf(irl->error, sizeof(irl->error), "%.200s cannot be read: %s", path, why);
    return -1;
}

int irl_read_text(struct irl *irl, const char *path, const char *text, size_t size)
{
    return irl_parse(irl, path, text, size);
}

int irl_read(struct irl *irl, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0, got = 1;
    int result = -1;

    if (file == NULL)
        return fail_to_read(irl, path, strerror(errno));
    while (got > 0 && size < FILE_MAX) {
        char *larger = realloc(text, size + 65536);

        if (larger == NULL)
            break;
        text = larger;
        got = fread(text + size, 1, 65536, file);
        size += got;
    }
    if (ferror(file))
        fail_to_read(irl, path, strerror(errno));
    else if (got > 0)
        fail_to_read(irl, path, text ? "it is larger than 16 MiB" : "memory is short");
    else
        result = irl_parse(irl, path, text, size);
    fclose(file);
    free(text);
    return result;
}

static int find_exactly(const struct irl *irl, const char *name, struct target *target)
{
    const struct record_type *known;

    *target = (struct target){0};
    for (size_t i = 0; i < irl->count; i++)
        if (strcmp(irl->types[i]->name.text, name) == 0) {
            target->type = irl->types[i];
            return 1;
        }
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
        if (strcmp(bases[i].name, name) == 0) {
            *target = (struct target){.role = bases[i].role, .fields = bases[i].fields};
            while (target->fields[target->count].name)
                target->count++;
            return 1;
        }
    known = record_type_find(name, strlen(name));
    if (known)
        *target =
            (struct target){NULL, (unsigned)known->form << ROLE_FORM_BITS | (unsigned)known->role,
                known->fields, known->field_count};
    return known != NULL;
}

/* The name in that package. */
static int find_in(const struct irl *irl, const char *package, size_t length, const char *name,
    struct target *target)
{
    char whole[512];

    return snprintf(whole, sizeof(whole), "%.*s.%s", (int)length, package, name) <
               (int)sizeof(whole) &&
           find_exactly(irl, whole, target);
}

/* Looks a name up as the file means it: whole, of its own package, imported, of an imported one. */
static int find(
    const struct irl *irl, const struct irl_file *file, const char *name, struct target *target)
{
    if (strchr(name, '.'))
        return find_exactly(irl, name, target);
    if (find_in(irl, file->package, strlen(file->package), name, target))
        return 1;
    for (size_t i = 0; i < file->imports.count; i++) {
        const char *import = file->imports.items[i].text, *last = strrchr(import, '.');

        if (last && strcmp(last + 1, name) == 0 && find_exactly(irl, import, target))
            return 1;
        if (last && strcmp(last, ".*") == 0 &&
            find_in(irl, import, (size_t)(last - import), name, target))
            return 1;
    }
    return 0;
}

static int look_up(struct irl *irl, struct irl_type *type);

/* The type of that name, looked up itself. `what` it must be is for the sentence. */
static int need_type(struct irl *irl, const struct irl_file *file, const struct irl_word *word,
    const char *what, struct target *target)
{
    if (!find(irl, file, word->text, target))
        return irl_fail(
            irl, file, word, "there is no %s %s: is its import missing?", what, word->text);
    if (target->type == NULL)
        return 0;
    if (target->type->state == IRL_BUSY)
        return irl_fail(irl, file, word, "%s contains itself", word->text);
    if (look_up(irl, target->type) < 0)
        return -1;
    target->role = target->type->role;
    target->fields = target->type->fields;
    target->count = target->type->field_count;
    return 0;
}

static const struct record_field *find_field(
    const struct record_field *fields, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static int add_field(struct irl *irl, struct irl_type *type, const struct irl_word *where,
    const struct record_field *field)
{
    struct record_field *fields = realloc(type->fields, (type->field_count + 1) * sizeof(*fields));

    if (fields == NULL)
        return irl_fail(irl, type->file, where, "memory is short");
    type->fields = fields;
    if (type->field_count == RECORD_FIELDS_MAX)
        return irl_fail(irl, type->file, where, "a record can have %d fields", RECORD_FIELDS_MAX);
    fields[type->field_count++] = *field;
    return 0;
}

/* Takes over the fields of what the type extends, or of a template; those that are there already
 * count once. */
static int inherit(struct irl *irl, struct irl_type *type, const struct irl_word *from,
    const struct target *target)
{
    for (unsigned i = 0; i < target->count; i++) {
        const struct record_field *field = &target->fields[i],
                                  *there = find_field(type->fields, type->field_count, field->name);

        if (there && there->type != field->type)
            return irl_fail(irl, type->file, from,
                "the field %s of %s is there already with another type", field->name, from->text);
        if (there == NULL && add_field(irl, type, from, field) < 0)
            return -1;
    }
    return 0;
}

static int inherit_all(struct irl *irl, struct irl_type *type)
{
    struct target target;

    if (type->parent.text) {
        if (need_type(irl, type->file, &type->parent, "entity", &target) < 0)
            return -1;
        if (target.type && target.type->kind != IRL_ENTITY)
            return irl_fail(irl, type->file, &type->parent, "%s is no entity: put it behind \":\"",
                type->parent.text);
        type->role = target.role;
        if (inherit(irl, type, &type->parent, &target) < 0)
            return -1;
    }
    for (size_t i = 0; i < type->templates.count; i++) {
        const struct irl_word *word = &type->templates.items[i];

        if (need_type(irl, type->file, word, "template", &target) < 0)
            return -1;
        if (target.type && target.type->kind != IRL_TEMPLATE)
            return irl_fail(irl, type->file, word, "%s is no template", word->text);
        if (inherit(irl, type, word, &target) < 0)
            return -1;
    }
    return 0;
}

/* The type of a field, or of a constant. */
static int type_of(struct irl *irl, const struct irl_type *type, const struct irl_part *part,
    enum record_field_type *found, struct target *target)
{
    *target = (struct target){0};
    if (part->group.text) {
        const struct record_field *field;

        if (need_type(irl, type->file, &part->type, "type", target) < 0)
            return -1;
        field = find_field(target->fields, target->count, part->group.text);
        if (field == NULL)
            return irl_fail(irl, type->file, &part->group, "%s has no field %s", part->type.text,
                part->group.text);
        *found = field->type;
        *target = (struct target){0};
        return 0;
    }
    *found = FIELD_TYPES;
    for (size_t i = 0; i < sizeof(primitives) / sizeof(primitives[0]); i++)
        if (strcmp(primitives[i].name, part->type.text) == 0)
            *found = primitives[i].type;
    if (*found == FIELD_TYPES && find(irl, type->file, part->type.text, target) && target->type &&
        target->type->kind == IRL_ENUM)
        *found = FIELD_ENUM;
    if (*found == FIELD_TYPES)
        return irl_fail(irl, type->file, &part->type,
            "there is no type %s: a field is a string, boolean, byte, char, short, int, long, "
            "float, double, or one of an enum",
            part->type.text);
    if (part->is_array)
        *found = (enum record_field_type)(*found | FIELD_ARRAY);
    return 0;
}

static const struct irl_part *find_constant(
    const struct irl *irl, const struct irl_type *type, const char *name, unsigned depth)
{
    struct target target;

    for (size_t i = 0; i < type->part_count; i++)
        if (type->parts[i].kind == IRL_CONSTANT && strcmp(type->parts[i].name.text, name) == 0)
            return &type->parts[i];
    if (depth == 0)
        return NULL;
    for (size_t i = 0; i <= type->templates.count; i++) {
        const struct irl_word *word = i ? &type->templates.items[i - 1] : &type->parent;
        const struct irl_part *found = NULL;

        if (word->text && find(irl, type->file, word->text, &target) && target.type)
            found = find_constant(irl, target.type, name, depth - 1);
        if (found)
            return found;
    }
    return NULL;
}

/* Whether the whole number is one of that type. */
static int is_whole(const char *text, enum record_field_type type)
{
    static const int64_t most[FIELD_TYPES] = {[FIELD_I8] = INT8_MAX,
        [FIELD_I16] = INT16_MAX,
        [FIELD_I32] = INT32_MAX,
        [FIELD_I64] = INT64_MAX,
        [FIELD_CHAR] = UINT16_MAX,
        [FIELD_ENUM] = INT32_MAX};
    long long value;
    char *end;

    errno = 0;
    value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 && most[type] != 0 && value <= most[type] &&
           value >= (type == FIELD_CHAR ? 0 : -most[type] - 1);
}

static int is_real(const char *text)
{
    char *end;

    strtod(text, &end);
    return *end == '\0' || (strcmp(end, "f") == 0 && end > text);
}

/* Whether a literal that is no name fits the type. */
static int fits(const struct irl_literal *literal, enum record_field_type type)
{
    const char *text = literal->word.text;

    if (literal->token == IRL_STRING)
        return type == FIELD_STR || (type == FIELD_CHAR && strlen(text) <= 6);
    if (literal->token == IRL_NUMBER)
        return type == FIELD_F32 || type == FIELD_F64 ? is_real(text) : is_whole(text, type);
    return type == FIELD_BOOL ? strcmp(text, "true") == 0 || strcmp(text, "false") == 0
                              : type == FIELD_STR && strcmp(text, "KIEKER_VERSION") == 0;
}

static int check_literal(struct irl *irl, const struct irl_type *type, const struct irl_part *part,
    const struct irl_literal *literal, enum record_field_type field, const struct target *target)
{
    const char *text = literal->word.text;
    const struct irl_part *constant = NULL;
    enum record_field_type other;
    struct target ignored;

    if (fits(literal, field))
        return 0;
    if (literal->token == IRL_NAME && field == FIELD_ENUM && target->type &&
        find_constant(irl, target->type, text, IRL_PARTS_MAX))
        return 0;
    if (literal->token == IRL_NAME && (constant = find_constant(irl, type, text, 16)) == NULL)
        return irl_fail(irl, type->file, &literal->word, "there is no constant %s", text);
    if (constant && constant->type.text && type_of(irl, type, constant, &other, &ignored) == 0 &&
        field_element(other) == field)
        return 0;
    return irl_fail(irl, type->file, &literal->word, "%s is no value of the %s %s", text,
        part->type.text, part->name.text);
}

static int check_value(struct irl *irl, const struct irl_type *type, const struct irl_part *part,
    enum record_field_type field, const struct target *target)
{
    if (part->value.token == IRL_END)
        return 0;
    if (part->value.is_array && !field_is_array(field))
        return irl_fail(irl, type->file, &part->value.word, "%s is no array", part->name.text);
    for (const struct irl_literal *literal = &part->value; literal; literal = literal->next)
        if (check_literal(irl, type, part, literal, field_element(field), target) < 0)
            return -1;
    return 0;
}

/* What the literals of an enumeration are called, by number: those of what it continues come first.
 * NULL if there are none. */
static const char *literals_of(struct irl *irl, struct irl_type *type)
{
    char *text = NULL;
    size_t size;
    FILE *out;

    if (type->literals || look_up(irl, type) < 0 || (out = open_memstream(&text, &size)) == NULL)
        return type->literals;
    for (size_t i = 0; i < type->templates.count; i++) {
        struct target target;

        if (find(irl, type->file, type->templates.items[i].text, &target) && target.type &&
            target.type->state == IRL_DONE && literals_of(irl, target.type))
            fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", target.type->literals);
    }
    for (size_t i = 0; i < type->part_count; i++)
        fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", type->parts[i].name.text);
    if (fclose(out) == 0 && size > 0)
        type->literals = text;
    else
        free(text);
    return type->literals;
}

static int add_part(struct irl *irl, struct irl_type *type, const struct irl_part *part)
{
    struct record_field field = {.name = part->name.text};
    struct target target;

    if (part->kind == IRL_ALIAS)
        return find_field(type->fields, type->field_count, part->type.text)
                   ? 0
                   : irl_fail(
                         irl, type->file, &part->type, "there is no field %s", part->type.text);
    if (type_of(irl, type, part, &field.type, &target) < 0 ||
        check_value(irl, type, part, field.type, &target) < 0)
        return -1;
    if (part->kind == IRL_CONSTANT || part->is_transient)
        return 0;
    if (find_field(type->fields, type->field_count, field.name))
        return irl_fail(
            irl, type->file, &part->name, "there is a field %s already", part->name.text);
    if (field_element(field.type) == FIELD_ENUM && part->group.text == NULL && target.type)
        field.literals = literals_of(irl, target.type);
    return add_field(irl, type, &part->name, &field);
}

/* An enumeration's literals, and those that it continues, have a name each. */
static int look_up_enum(struct irl *irl, struct irl_type *type)
{
    struct target target;

    for (size_t i = 0; i < type->templates.count; i++)
        if (need_type(irl, type->file, &type->templates.items[i], "enum", &target) < 0)
            return -1;
    for (size_t i = 0; i < type->part_count; i++) {
        const struct irl_part *part = &type->parts[i];

        if (find_constant(irl, type, part->name.text, 0) != part)
            return irl_fail(
                irl, type->file, &part->name, "there is a literal %s already", part->name.text);
        if (part->value.token != IRL_END && !is_whole(part->value.word.text, FIELD_I32))
            return irl_fail(
                irl, type->file, &part->value.word, "%s is no int", part->value.word.text);
    }
    return 0;
}

static int look_up(struct irl *irl, struct irl_type *type)
{
    if (type->state == IRL_DONE)
        return 0;
    type->state = IRL_BUSY;
    if (type->kind == IRL_ENUM) {
        if (look_up_enum(irl, type) < 0)
            return -1;
    } else {
        if (inherit_all(irl, type) < 0)
            return -1;
        for (size_t i = 0; i < type->part_count; i++)
            if (add_part(irl, type, &type->parts[i]) < 0)
                return -1;
    }
    type->state = IRL_DONE;
    return 0;
}

/* Copies of all that the record type goes on to need. */
static int lend(struct irl_type *type, struct record_type *lent)
{
    struct record_field *fields = calloc(type->field_count + 1, sizeof(*fields));

    *lent = (struct record_type){.name = strdup(type->name.text),
        .role = ROLE_OF(type->role),
        .form = FORM_OF(type->role),
        .fields = fields,
        .field_count = type->field_count};
    for (unsigned i = 0; fields && i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].name = strdup(fields[i].name);
        if (fields[i].literals)
            fields[i].literals = strdup(fields[i].literals);
        if (fields[i].name == NULL || (type->fields[i].literals && fields[i].literals == NULL))
            return -1;
    }
    if (lent->name == NULL || fields == NULL)
        return -1;
    lent->stored = layout_write(lent);
    return lent->stored ? 0 : -1;
}

static int add_record_type(struct irl *irl, struct irl_type *type)
{
    struct record_type record = {.name = type->name.text,
        .role = ROLE_OF(type->role),
        .form = FORM_OF(type->role),
        .fields = type->fields,
        .field_count = type->field_count};

    if (type->kind != IRL_ENTITY || type->is_abstract)
        return 0;
    if (record_type_find(type->name.text, strlen(type->name.text)) == NULL &&
        lend(type, &record) < 0)
        return irl_fail(irl, type->file, &type->name, "memory is short");
    if (record_type_add(&record) == 0)
        return 0;
    return irl_fail(irl, type->file, &type->name,
        "%s is known already with other fields, or there are too many types", type->name.text);
}

int irl_finish(struct irl *irl)
{
    struct target target;

    for (size_t i = 0; i < irl->count; i++) {
        struct irl_type *type = irl->types[i];

        if (find_exactly(irl, type->name.text, &target) && target.type != type)
            return irl_fail(
                irl, type->file, &type->name, "there is a type %s already", type->name.text);
        if (look_up(irl, type) < 0)
            return -1;
    }
    for (size_t i = 0; i < irl->count; i++)
        if (add_record_type(irl, irl->types[i]) < 0)
            return -1;
    return 0;
}
