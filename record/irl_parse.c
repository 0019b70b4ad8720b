/* SPDX-License-Identifier: Apache-2.0 */
#include "record/irl_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct irl *irl;
    struct irl_file *file;
    struct irl_lex lex;
};

int irl_fail(struct irl *irl, const struct irl_file *file, const struct irl_word *where,
    const char *format, ...)
{
    va_list args;
    int used = snprintf(
        irl->error, sizeof(irl->error), "%.100s:%u:%u: ", file->path, where->line, where->column);

    va_start(args, format);
    vsnprintf(irl->error + used, sizeof(irl->error) - (size_t)used, format, args);
    va_end(args);
    return -1;
}

static int no_memory(struct parser *p)
{
    snprintf(p->irl->error, sizeof(p->irl->error), "%.100s: memory is short", p->file->path);
    return -1;
}

/* Says that something else than the present token must stand here. */
static int expect(struct parser *p, const char *what)
{
    struct irl_word here = {.line = p->lex.token_line, .column = p->lex.token_column};

    if (p->lex.token == IRL_WRONG)
        return irl_fail(p->irl, p->file, &here, "%s", p->lex.wrong);
    if (p->lex.token == IRL_END)
        return irl_fail(p->irl, p->file, &here, "the file ends where there must be %s", what);
    return irl_fail(p->irl, p->file, &here, "there must be %s, not %.*s", what,
        (int)(p->lex.length < 60 ? p->lex.length : 60), p->lex.text);
}

static int is(const struct parser *p, const char *word)
{
    return irl_lex_is(&p->lex, word);
}

/* Passes over that word if it comes next. */
static int take(struct parser *p, const char *word)
{
    if (!is(p, word))
        return 0;
    irl_lex_next(&p->lex);
    return 1;
}

static int need(struct parser *p, const char *word)
{
    char what[40];

    if (take(p, word))
        return 0;
    snprintf(what, sizeof(what), "\"%s\"", word);
    return expect(p, what);
}

static void word_free(struct irl_word *word)
{
    free(word->text);
    word->text = NULL;
}

/* The present token, whatever it is, as a word. */
static int take_word(struct parser *p, struct irl_word *word)
{
    word_free(word);
    *word = (struct irl_word){
        strndup(p->lex.text, p->lex.length), p->lex.token_line, p->lex.token_column};
    irl_lex_next(&p->lex);
    return word->text ? 0 : no_memory(p);
}

static int take_name(struct parser *p, struct irl_word *word, const char *what)
{
    return p->lex.token == IRL_NAME ? take_word(p, word) : expect(p, what);
}

/* a.b.c, and with `star` also a.b.* */
static int take_path(struct parser *p, struct irl_word *word, const char *what, int star)
{
    if (take_name(p, word, what) < 0)
        return -1;
    while (is(p, ".")) {
        size_t length = strlen(word->text);
        char *longer;

        irl_lex_next(&p->lex);
        if (p->lex.token != IRL_NAME && !(star && is(p, "*")))
            return expect(p, "a name behind the point");
        longer = realloc(word->text, length + p->lex.length + 2);
        if (longer == NULL)
            return no_memory(p);
        snprintf(longer + length, p->lex.length + 2, ".%.*s", (int)p->lex.length, p->lex.text);
        word->text = longer;
        irl_lex_next(&p->lex);
    }
    return 0;
}

static int add_path(struct parser *p, struct irl_words *words, const char *what, int star)
{
    struct irl_word *items = realloc(words->items, (words->count + 1) * sizeof(*items));

    if (items == NULL)
        return no_memory(p);
    words->items = items;
    items[words->count] = (struct irl_word){0};
    if (words->count == IRL_PARTS_MAX)
        return expect(p, "no more names: 256 can be");
    return take_path(p, &items[words->count++], what, star);
}

/* name, name ... */
static int take_paths(struct parser *p, struct irl_words *words, const char *what)
{
    do
        if (add_path(p, words, what, 0) < 0)
            return -1;
    while (take(p, ","));
    return 0;
}

static int take_scalar(struct parser *p, struct irl_literal *literal)
{
    literal->token = p->lex.token;
    if (p->lex.token != IRL_NAME && p->lex.token != IRL_NUMBER && p->lex.token != IRL_STRING)
        return expect(p, "a value");
    return take_word(p, &literal->word);
}

static int take_literal(struct parser *p, struct irl_literal *literal)
{
    if (!is(p, "{"))
        return take_scalar(p, literal);
    literal->is_array = 1;
    do {
        irl_lex_next(&p->lex);
        if (take_scalar(p, literal) < 0)
            return -1;
        if (is(p, ",")) {
            literal->next = calloc(1, sizeof(*literal));
            if (literal->next == NULL)
                return no_memory(p);
            literal = literal->next;
            literal->is_array = 1;
        }
    } while (is(p, ","));
    return need(p, "}");
}

/* "[]" or "[3]" behind a type. */
static int take_sizes(struct parser *p, struct irl_part *part)
{
    while (is(p, "[")) {
        if (part->is_array)
            return expect(p, "one dimension only: arrays of arrays are not known");
        irl_lex_next(&p->lex);
        if (p->lex.token == IRL_NUMBER)
            irl_lex_next(&p->lex);
        if (need(p, "]") < 0)
            return -1;
        part->is_array = 1;
    }
    return 0;
}

static int take_part_type(struct parser *p, struct irl_part *part)
{
    if (take(p, "grouped"))
        return need(p, "by") < 0 || take_name(p, &part->type, "a type's name") < 0 ||
                       need(p, ".") < 0 || take_name(p, &part->group, "a field's name") < 0
                   ? -1
                   : 0;
    if (take(p, "alias")) {
        part->kind = IRL_ALIAS;
        return take_name(p, &part->type, "a field's name") < 0 ? -1 : need(p, "as");
    }
    return take_path(p, &part->type, "a type's name", 0) < 0 ? -1 : take_sizes(p, part);
}

static int take_part(struct parser *p, struct irl_part *part)
{
    if (take(p, "const"))
        part->kind = IRL_CONSTANT;
    while (part->kind == IRL_FIELD &&
           (is(p, "transient") || is(p, "auto-increment") || is(p, "changeable"))) {
        part->is_transient |= is(p, "transient");
        irl_lex_next(&p->lex);
    }
    if (take_part_type(p, part) < 0 || take_name(p, &part->name, "a name") < 0)
        return -1;
    if (part->kind == IRL_FIELD && take(p, ":")) {
        struct irl_word semantics = {0};
        int taken = take_name(p, &semantics, "what the field means");

        word_free(&semantics);
        if (taken < 0)
            return -1;
    }
    if (part->kind == IRL_CONSTANT && !is(p, "="))
        return expect(p, "\"=\" and the constant's value");
    return take(p, "=") ? take_literal(p, &part->value) : 0;
}

static int take_enum_literal(struct parser *p, struct irl_part *part)
{
    part->kind = IRL_CONSTANT;
    if (take_name(p, &part->name, "a literal's name") < 0)
        return -1;
    if (take(p, "=") && (p->lex.token != IRL_NUMBER || take_scalar(p, &part->value) < 0))
        return expect(p, "the literal's number");
    if (!take(p, ",") && !is(p, "}"))
        return expect(p, "\",\" or \"}\"");
    return 0;
}

/* One field or constant more. */
static struct irl_part *add_part(struct parser *p, struct irl_type *type)
{
    struct irl_part *parts = realloc(type->parts, (type->part_count + 1) * sizeof(*parts));

    if (parts == NULL) {
        no_memory(p);
        return NULL;
    }
    type->parts = parts;
    if (type->part_count == IRL_PARTS_MAX) {
        expect(p, "\"}\": a type can have 256 fields and constants");
        return NULL;
    }
    parts += type->part_count++;
    memset(parts, 0, sizeof(*parts));
    return parts;
}

/* What lies between { and }. */
static int take_parts(struct parser *p, struct irl_type *type)
{
    while (!take(p, "}")) {
        struct irl_part *part = add_part(p, type);

        if (part == NULL ||
            (type->kind == IRL_ENUM ? take_enum_literal(p, part) : take_part(p, part)) < 0)
            return -1;
    }
    return 0;
}

/* Whether the next thing is another type, or nothing. */
static int is_type_over(const struct parser *p)
{
    static const char *const begins[] = {
        "@", "abstract", "entity", "event", "template", "enum", "model", "sub"};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (is(p, begins[i]))
            return 1;
    return p->lex.token == IRL_END;
}

/* A type's fields; a template with one field needs no braces. */
static int take_body(struct parser *p, struct irl_type *type)
{
    struct irl_part *part;

    if (take(p, "{"))
        return take_parts(p, type);
    if (type->kind == IRL_ENUM)
        return expect(p, "\"{\"");
    if (type->kind != IRL_TEMPLATE || is_type_over(p))
        return 0;
    part = add_part(p, type);
    return part == NULL ? -1 : take_part(p, part);
}

/* Puts the package in front. */
static int qualify(struct parser *p, struct irl_word *name)
{
    size_t size = strlen(p->file->package) + strlen(name->text) + 2;
    char *whole = malloc(size);

    if (whole == NULL)
        return no_memory(p);
    snprintf(whole, size, "%s.%s", p->file->package, name->text);
    free(name->text);
    name->text = whole;
    return 0;
}

static int take_type(struct parser *p, struct irl_type *type)
{
    type->is_abstract = take(p, "abstract");
    if (!type->is_abstract && take(p, "template"))
        type->kind = IRL_TEMPLATE;
    else if (!type->is_abstract && take(p, "enum"))
        type->kind = IRL_ENUM;
    else if (is(p, "model") || is(p, "sub"))
        return expect(p, "an entity, event, template or enum: write out what the model stands for");
    else if (!take(p, "entity") && !take(p, "event"))
        return expect(p, "an entity, event, template or enum");
    if (take_name(p, &type->name, "the type's name") < 0 || qualify(p, &type->name) < 0)
        return -1;
    if (type->kind == IRL_ENTITY && take(p, "extends") &&
        take_path(p, &type->parent, "the name of the extended type", 0) < 0)
        return -1;
    if (take(p, ":") && take_paths(p, &type->templates, "a template's name") < 0)
        return -1;
    return take_body(p, type);
}

/* @author 'text' and the like. */
static int skip_annotations(struct parser *p)
{
    while (take(p, "@")) {
        if (p->lex.token != IRL_NAME)
            return expect(p, "author or since");
        irl_lex_next(&p->lex);
        if (p->lex.token != IRL_STRING)
            return expect(p, "a text in quotes");
        irl_lex_next(&p->lex);
    }
    return 0;
}

static int add_type(struct parser *p)
{
    struct irl *irl = p->irl;
    struct irl_type *type;

    if (irl->count == IRL_TYPES_MAX)
        return expect(p, "no further type: 4096 can be");
    type = irl->types[irl->count] = calloc(1, sizeof(*type));
    if (type == NULL)
        return no_memory(p);
    irl->count++;
    type->file = p->file;
    return take_type(p, type);
}

static int take_file(struct parser *p)
{
    struct irl_word package = {0};
    int failed = need(p, "package") < 0 || take_path(p, &package, "the package's name", 0) < 0;

    p->file->package = package.text;
    if (failed)
        return -1;
    while (take(p, "import"))
        if (add_path(p, &p->file->imports, "a name to import", 1) < 0)
            return -1;
    while (p->lex.token != IRL_END)
        if (skip_annotations(p) < 0 || add_type(p) < 0)
            return -1;
    return 0;
}

int irl_parse(struct irl *irl, const char *path, const char *text, size_t size)
{
    struct parser p = {.irl = irl, .file = calloc(1, sizeof(*p.file))};

    if (p.file == NULL || (p.file->path = strdup(path)) == NULL) {
        free(p.file);
        snprintf(irl->error, sizeof(irl->error), "%.100s: memory is short", path);
        return -1;
    }
    p.file->next = irl->files;
    irl->files = p.file;
    irl_lex_begin(&p.lex, text, size);
    irl_lex_next(&p.lex);
    return take_file(&p);
}

static void words_free(struct irl_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        word_free(&words->items[i]);
    free(words->items);
}

void irl_type_free(struct irl_type *type)
{
    for (size_t i = 0; i < type->part_count; i++) {
        struct irl_part *part = &type->parts[i];

        word_free(&part->type);
        word_free(&part->name);
        word_free(&part->group);
        word_free(&part->value.word);
        for (struct irl_literal *next = part->value.next, *at; (at = next);) {
            next = at->next;
            word_free(&at->word);
            free(at);
        }
    }
    free(type->parts);
    free(type->literals);
    word_free(&type->name);
    word_free(&type->parent);
    words_free(&type->templates);
    free(type->fields);
    free(type);
}

void irl_file_free(struct irl_file *file)
{
    words_free(&file->imports);
    free(file->path);
    free(file->package);
    free(file);
}
