/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MAX (3 * PATTERN_MAX) /* what an expression may come to */
#define WORDS_MAX 10                 /* seven modifiers, the type, the name, and one too many */

struct pattern {
    regex_t regex;
};

/* A regular expression as it is made. */
struct making {
    char *error;
    size_t error_size, used;
    char text[16 * PATTERN_MAX + 64];
};

static int __attribute__((format(printf, 2, 3)))
refuse(struct making *making, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(making->error, making->error_size, format, arguments);
    va_end(arguments);
    return -1;
}

static void put(struct making *making, const char *text)
{
    size_t length = strlen(text);

    /* No character of a pattern becomes more than 16. */
    if (making->used + length >= sizeof(making->text))
        return;
    memcpy(making->text + making->used, text, length + 1);
    making->used += length;
}

/* The character itself. */
static void put_plain(struct making *making, char c)
{
    const char text[] = {c, '\0'};

    if (strchr("\\.[]{}()*+?^$|", c) != NULL)
        put(making, "\\");
    put(making, text);
}

/* What lies behind a shell pattern's "[...]", which is put; NULL if it is not closed. */
static const char *put_set(struct making *making, const char *at)
{
    const char *end = at + 1;

    if (*end == '!' || *end == '^')
        end++;
    if (*end == ']')
        end++;
    while (*end != '\0' && *end != ']') {
        const char *closed = NULL;

        if (*end == '[' && end[1] != '\0' && strchr(":.=", end[1]) != NULL) {
            const char close[] = {end[1], ']', '\0'};

            closed = strstr(end + 2, close);
        }
        end = closed != NULL ? closed + 2 : end + 1;
    }
    if (*end == '\0')
        return NULL;
    put(making, at[1] == '!' ? "[^" : "[");
    for (at += 1 + (at[1] == '!'); at <= end; at++)
        put(making, (const char[]){*at, '\0'});
    return at;
}

static int make_shell(struct making *making, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const char *behind = *at == '[' ? put_set(making, at) : NULL;

        if (behind != NULL) {
            at = behind;
            continue;
        }
        if (*at == '*')
            put(making, ".*");
        else if (*at == '?')
            put(making, ".");
        else
            put_plain(making, *at);
        at++;
    }
    return 0;
}

/* "\x": what the C library knows, and digits, which it does not. The place behind it, or NULL. */
static const char *put_escape(struct making *making, const char *at)
{
    char c = at[1];

    if (c == 'd' || c == 'D')
        put(making, c == 'd' ? "[0-9]" : "[^0-9]");
    else if (c == '\0')
        return refuse(making, "the expression ends with a backslash"), NULL;
    else if (isdigit((unsigned char)c))
        return refuse(making, "\\%c: an expression cannot refer back", c), NULL;
    else if (isalpha((unsigned char)c) && strchr("wWsSb", c) == NULL)
        return refuse(making, "\\%c is not known; these are: \\d \\D \\w \\W \\s \\S \\b", c), NULL;
    else
        put(making, (const char[]){'\\', c, '\0'});
    return at + 2;
}

/* What the C library would take long for is refused. */
static int make_regex(struct making *making, const char *text)
{
    unsigned size[PATTERN_NEST_MAX + 1] = {0}, last = 0; /* states: of open groups, of what ended */
    int depth = 0, repeated = 0;

    for (const char *at = text; *at != '\0';) {
        int repeats = strchr("*+?", *at) != NULL;

        /* Each "+" writes what it repeats down once more. */
        if (*at == '+')
            size[depth] += last;
        last = *at == '+' ? 2 * last : repeats ? last : 1;

        if (*at == '\\') {
            at = put_escape(making, at);
            if (at == NULL)
                return -1;
            size[depth]++;
            repeated = 0;
            continue;
        }
        if (*at == '[') {
            const char *behind = at[1] == '!' ? NULL : put_set(making, at);

            if (behind == NULL)
                return refuse(making, "write a set as [abc], and a literal [ as \\[");
            at = behind;
            size[depth]++;
            repeated = 0;
            continue;
        }
        if (*at == '{')
            return refuse(making, "an expression cannot repeat by count; write a literal { as \\{");
        if (*at == '(' && at[1] == '?')
            return refuse(making, "(? is Perl's: groups are written (...)");
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        if (depth < 0)
            return refuse(making, "there is a ) without its (; a literal one is \\)");
        if (depth > PATTERN_NEST_MAX)
            return refuse(making, "more than %d groups inside one another", PATTERN_NEST_MAX);
        if (*at == '(')
            size[depth] = 0;
        else if (*at == ')')
            size[depth] += last = size[depth + 1] + 1;
        else if (!repeats)
            size[depth]++;
        if (size[depth] > STATES_MAX)
            return refuse(making, "too much is repeated by + inside +: use * where you can");
        /* As few as possible, or as many: of a whole name that is the same. */
        if (repeats && repeated && *at != '?')
            return refuse(making, "%c behind another repetition", *at);
        if (!repeats || !repeated)
            put(making, (const char[]){*at, '\0'});
        repeated = repeats;
        at++;
    }
    return 0;
}

/* One part of a name, between dots. */
static void put_part(struct making *making, const char *at, const char *end)
{
    for (const char *c = at; c < end; c++) {
        if (*c == '*')
            put(making, c == at ? ".*" : "[^.]*");
        else
            put_plain(making, *c);
    }
}

static int make_name(struct making *making, const char *name, int is_new)
{
    const char *at = name, *last = strrchr(name, '.');

    if (last == NULL || last == name || last[1] == '\0' || last[-1] == '.' ||
        strstr(name, "...") != NULL || (*name == '.' && name[1] != '.'))
        return refuse(making,
            "\"%s\" is no full name: write package.Class.operation, where .. is any packages",
            name);
    if (is_new && strcmp(last + 1, "<init>") != 0)
        return refuse(making, "a constructor (new) is called <init>");
    if (*at == '.') {
        put(making, "(.*\\.)?");
        at += 2;
    }
    while (at < last) {
        const char *end = at + strcspn(at, ".");

        put_part(making, at, end);
        put(making, "\\.");
        at = end + 1;
        if (at < last && *at == '.') {
            put(making, "(.*\\.)?");
            at++;
        }
    }
    if (strcmp(last + 1, "<init>") == 0)
        put(making, "(<init>|__init__)");
    else
        put_part(making, last + 1, last + strlen(last));
    return 0;
}

/* Kieker's, in the order in which they may come. */
static int modifier_rank(const char *word)
{
    static const char *const ranks[] = {"public private protected package", "abstract non_abstract",
        "default non_default", "static non_static", "final non_final",
        "synchronized non_synchronized", "native non_native"};
    size_t length = strlen(word);

    for (int rank = 0; rank < (int)(sizeof(ranks) / sizeof(*ranks)); rank++)
        for (const char *at = ranks[rank]; (at = strstr(at, word)) != NULL; at++)
            if ((at == ranks[rank] || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
                return rank;
    return -1;
}

/* "[modifiers] type name(parameters)" */
static int make_signature(struct making *making, const char *text)
{
    char copy[PATTERN_MAX + 1], *words[WORDS_MAX], *rest = copy;
    const char *open = strchr(text, '('), *close = strchr(text, ')');
    int count = 0, rank = -1;

    if (open == NULL || close == NULL || close < open || strchr(open + 1, '(') != NULL ||
        strchr(close + 1, ')') != NULL)
        return refuse(making, "a signature has one pair of brackets: type package.Class.name(..)");
    memcpy(copy, text, (size_t)(open - text));
    copy[open - text] = '\0';
    for (char *word; count < WORDS_MAX && (word = strtok_r(rest, " \t", &rest)) != NULL;)
        words[count++] = word;
    if (count < 2)
        return refuse(making,
            "before the brackets there are a type and a full name: * package.Class.name(..)");
    for (int i = 0; i < count - 2; i++) {
        int next = modifier_rank(words[i]);

        if (next < 0 || next < rank)
            return refuse(making, "\"%s\" is no modifier, or not in its place", words[i]);
        rank = next;
    }
    return make_name(making, words[count - 1], strcmp(words[count - 2], "new") == 0);
}

/* Without blanks around it. 0, or -1. */
static int take_text(struct making *making, const char *given, char text[PATTERN_MAX + 1])
{
    size_t length;

    given += strspn(given, " \t");
    length = strlen(given);
    while (length > 0 && (given[length - 1] == ' ' || given[length - 1] == '\t'))
        length--;
    if (length == 0)
        return refuse(making, "the pattern is empty");
    if (length > PATTERN_MAX)
        return refuse(making, "the pattern is longer than %u bytes", PATTERN_MAX);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)given[i] < 0x20 || given[i] == 0x7F)
            return refuse(making, "there is a control character in the pattern");
    memcpy(text, given, length);
    text[length] = '\0';
    return 0;
}

static int make(struct making *making, const char *given)
{
    char text[PATTERN_MAX + 1];

    if (take_text(making, given, text) < 0)
        return -1;
    if (text[0] == '%')
        return make_regex(making, text + 1);
    return strpbrk(text, "()") != NULL ? make_signature(making, text) : make_shell(making, text);
}

struct pattern *pattern_new(const char *text, char *error, size_t error_size)
{
    struct making making = {.error = error, .error_size = error_size};
    struct pattern *pattern;
    char why[160];
    int code;

    put(&making, "^(");
    if (make(&making, text) < 0)
        return NULL;
    put(&making, ")$");
    pattern = malloc(sizeof(*pattern));
    if (pattern == NULL) {
        refuse(&making, "memory is short");
        return NULL;
    }
    code = regcomp(&pattern->regex, making.text, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return pattern;
    regerror(code, &pattern->regex, why, sizeof(why));
    refuse(&making, "it cannot be read as an expression: %s", why);
    free(pattern);
    return NULL;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    regfree(&pattern->regex);
    free(pattern);
}

int pattern_fits(const struct pattern *pattern, const char *name)
{
    return regexec(&pattern->regex, name, 0, NULL, 0) == 0;
}

int pattern_is_kiekers(const char *given, char *error, size_t error_size)
{
    struct making making = {.error = error, .error_size = error_size};
    char text[PATTERN_MAX + 1];

    if (take_text(&making, given, text) < 0)
        return 0;
    if (text[0] == '%' || strcmp(text, "*") == 0)
        return 1;
    return make_signature(&making, text) == 0;
}
