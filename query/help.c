/* SPDX-License-Identifier: Apache-2.0 */
#include "query/help.h"

#include <ctype.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define INDENT 28 /* where explanations begin */
#define WIDTH_MOST 100

/* A word on the left and its explanation, wrapped, on the right. */
static void put_entry(struct page *page, const char *left, const char *text)
{
    unsigned width = page->width == 0 || page->width > WIDTH_MOST ? WIDTH_MOST : page->width;
    unsigned indent = width < INDENT * 2 ? 8 : INDENT, at = 0;

    at = (unsigned)fprintf(page->out, "  %s", left);
    if (at + 2 > indent) {
        putc('\n', page->out);
        at = 0;
    }
    at += (unsigned)fprintf(page->out, "%*s", (int)(indent - at), "");
    while (*text != '\0') {
        int word = (int)strcspn(text, " ");

        if (at > indent && at + (unsigned)word + 1 > width) {
            fprintf(page->out, "\n%*s", (int)indent, "");
            at = indent;
        }
        at += (unsigned)fprintf(page->out, "%s%.*s", at > indent ? " " : "", word, text);
        text += word + (text[word] == ' ');
    }
    putc('\n', page->out);
}

static void put_title(struct page *page, const char *title)
{
    putc('\n', page->out);
    table_heading(page, "%s", title);
}

static void put_options(struct page *page)
{
    for (const struct option_row *row = option_rows; row->name != NULL; row++) {
        char left[64], letter[4] = {'-', row->letter, ',', '\0'};

        snprintf(left, sizeof(left), "%s --%s %s", row->letter != 0 ? letter : "   ", row->name,
            row->metavar == NULL ? "" : row->metavar);
        put_entry(page, left, row->doc);
    }
}

static size_t join(const char *const *words, char *text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; words != NULL && words[i] != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "", words[i]);
    return used;
}

static void put_param(struct page *page, const struct param *param, const struct verb *verb)
{
    const char *metavar = param_type_metavar(param->type);
    const char *const *choices = verb == NULL ? param->choices : param_choices(param, verb);
    char left[64], text[512], list[256] = "";

    snprintf(left, sizeof(left), param->bare && *metavar != '\0' ? "    --%s [%s]" : "    --%s %s",
        param->name, metavar);
    join(choices, list, sizeof(list));
    if (*list != '\0')
        snprintf(text, sizeof(text), "%s: %s", param->doc, list);
    else if (param->type == TYPE_FLAG)
        snprintf(text, sizeof(text), "%s", param->doc);
    else
        snprintf(text, sizeof(text), "%s; as in %s", param->doc, param->example);
    put_entry(page, left, text);
}

/* Options of the program that stand for a parameter, or replace it, are not shown twice. */
static int is_option(const struct param *param)
{
    for (const struct option_row *row = option_rows; row->name != NULL; row++)
        if (strcmp(row->name, param->name) == 0)
            return 1;
    return 0;
}

/* What stands for the word behind the verb. */
static const char *argument_name(const struct verb *verb)
{
    switch (verb->argument) {
    case PARAM_OP:
        return "OPERATION";
    case PARAM_ID:
        return "ID";
    case PARAM_LOG:
        return "DIR";
    case PARAM_ACTION:
        return "ACTION PATTERN";
    case PARAM_TYPE:
        return "TYPE";
    default:
        return "SQL";
    }
}

static void put_verbs(struct page *page)
{
    for (size_t i = 0; verbs[i] != NULL; i++) {
        char left[64], argument[32] = "";

        if (verbs[i]->argument >= 0)
            snprintf(argument, sizeof(argument),
                verbs[i]->needs & PARAM_BIT(verbs[i]->argument) ? " %s" : " [%s]",
                argument_name(verbs[i]));
        snprintf(left, sizeof(left), "%s%s", verbs[i]->name, argument);
        put_entry(page, left, verbs[i]->doc);
    }
}

void help_print(struct page *page, int whole)
{
    fprintf(page->out, "Usage: kieker-query [--database FILE | --server URL] VERB [options]\n"
                       "Asks what kieker-collector has stored.\n");
    put_title(page, "Verbs");
    put_verbs(page);
    if (whole) {
        put_title(page, "Filters and what else verbs take (kieker-query help VERB says which)");
        for (int i = 0; i < PARAMS; i++)
            if (!is_option(&params[i]) && i != PARAM_ID && i != PARAM_ACTION &&
                i != PARAM_QUERY) /* words, not options */
                put_param(page, &params[i], NULL);
        put_title(page, "Where to look, and how to print");
        put_options(page);
        put_title(page, "Exit status");
        fputs("  0 done (also if there is nothing), 1 nothing there (with --exit-code), 2 wrong "
              "usage,\n"
              "  3 database or server not reachable, 4 no such thing, 5 damaged data or unwritable "
              "output\n",
            page->out);
    }
    put_title(page, "Examples");
    fputs("  kieker-query traces --slowest\n"
          "  kieker-query trace 17 --min 1ms\n"
          "  kieker-query operations --since 5m -s p99 -n 10\n",
        page->out);
    if (!whole)
        fputs("\nkieker-query --help tells all, kieker-query help VERB of one verb.\n", page->out);
}

void help_print_verb(struct page *page, const struct verb *verb)
{
    char argument[32] = "", text[512] = "";
    size_t used = 0;

    if (verb->argument >= 0)
        snprintf(argument, sizeof(argument),
            verb->needs & PARAM_BIT(verb->argument) ? " %s%s" : " [%s]%s", argument_name(verb),
            verb->many ? "..." : "");
    fprintf(page->out, "Usage: kieker-query %s%s [options]\n", verb->name, argument);
    fprintf(page->out, "%c%s.\n", toupper((unsigned char)verb->doc[0]), verb->doc + 1);
    put_title(page, "It takes");
    for (int i = 0; i < PARAMS; i++)
        if ((verb->takes & PARAM_BIT(i)) && (!is_option(&params[i]) || i == PARAM_SORT))
            put_param(page, &params[i], verb);
    if (verb->limit > 0) {
        snprintf(text, sizeof(text), "at most so many %s; default %llu", verb->noun,
            (unsigned long long)verb->limit);
        put_entry(page, "-n, --limit N", text);
    }
    if (verb->columns != NULL) {
        put_title(page, "Columns (for -f; those in brackets are shown only when asked for)");
        for (const struct column *column = verb->columns;
             column->key != NULL && used < sizeof(text); column++) {
            char name[64];

            column_name(column, name, sizeof(name));
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                column->rank == 0 ? "%s[%s]" : "%s%s", used > 0 ? " " : "", name);
        }
        fprintf(page->out, "  %s\n", text);
    }
    fputs("\nkieker-query --help tells of the options that all verbs take.\n", page->out);
}

void help_print_version(FILE *out, const json_t *status)
{
    const json_t *row = json_array_get(json_object_get(status, "rows"), 0);
    const char *database = json_string_value(json_object_get(row, "database"));

    fprintf(out, "kieker-query %s\nrecord format: that of Kieker 2, read by kieker-collector\n",
        PACKAGE_VERSION);
    if (database != NULL)
        fprintf(out, "database schema: version %" JSON_INTEGER_FORMAT " in %s\n",
            json_integer_value(json_object_get(row, "schema")), database);
    else
        fputs("database schema: no database to look at\n", out);
}
