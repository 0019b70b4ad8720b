/* SPDX-License-Identifier: Apache-2.0 */
#include "web/openapi.h"

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "web/routes.h"

static const struct {
    const char *status, *doc;
} errors[] = {
    {"400", "The request is wrong: the sentence says how"},
    {"401", "The token is missing or wrong, where one is wanted (Authorization: Bearer)"},
    {"403", "A page of another site asks"},
    {"404", "There is no such thing"},
    {"429", "Too many wrong tokens came from this address"},
    {"500", "The database is damaged, or memory is short"},
    {"503", "Not now: the query took too long, or too many wait"},
};

static json_t *text(const char *string)
{
    return json_string(string ? string : "");
}

/* {TYPE: {"schema": {"$ref": …}}} */
static json_t *content_of(const char *type, const char *schema)
{
    json_t *content = json_object();
    char reference[64];

    snprintf(reference, sizeof(reference), "#/components/schemas/%s", schema);
    json_object_set_new(content, type, json_pack("{s:{s:s}}", "schema", "$ref", reference));
    return content;
}

static json_t *schema_of(const struct param *param, const struct verb *verb)
{
    json_t *schema = json_pack("{s:s}", "type", param_type_schema(param->type));
    const char *const *choices = param_choices(param, verb);

    if (choices) {
        json_t *list = json_array();

        for (; *choices; choices++)
            json_array_append_new(list, text(*choices));
        json_object_set_new(schema, "enum", list);
    }
    if (param->type == TYPE_NUMBER && param->maximum > 0 && param->maximum <= INT64_MAX) {
        json_object_set_new(schema, "minimum", json_integer((json_int_t)param->minimum));
        json_object_set_new(schema, "maximum", json_integer((json_int_t)param->maximum));
    }
    return schema;
}

static json_t *parameters_of(const struct verb *verb)
{
    json_t *list = json_array();

    for (int i = 0; i < PARAMS; i++) {
        const struct param *param = &params[i];

        if (!(verb->takes & ~verb->here & PARAM_BIT(i)))
            continue;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o}", "name", param->name, "in",
                      "query", "required", (verb->needs & PARAM_BIT(i)) != 0, "allowEmptyValue",
                      param->bare != 0, "description", text(param->doc), "example",
                      text(param->example), "schema", schema_of(param, verb)));
    }
    return list;
}

static json_t *responses_of(const char *type, const char *schema)
{
    json_t *responses = json_object(), *done = json_pack("{s:s}", "description", "Done");

    json_object_set_new(
        done, "content", schema ? content_of(type, schema) : json_pack("{s:{}}", type));
    json_object_set_new(responses, "200", done);
    for (size_t i = 0; schema && i < sizeof(errors) / sizeof(*errors); i++)
        json_object_set_new(responses, errors[i].status,
            json_pack("{s:s, s:o}", "description", errors[i].doc, "content",
                content_of(EXCHANGE_JSON, "Error")));
    return responses;
}

static void describe_verbs(json_t *paths, const char *prefix)
{
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        char path[80];

        if ((*verb)->work != NULL || (*verb)->ask != NULL)
            continue;
        snprintf(path, sizeof(path), "%s%s", prefix, (*verb)->name);
        json_object_set_new(paths, path,
            json_pack("{s:{s:s, s:o, s:o, s:o}}", "get", "operationId", (*verb)->name, "summary",
                text((*verb)->doc), "parameters", parameters_of(*verb), "responses",
                (*verb)->write ? responses_of("*/*", NULL)
                               : responses_of(EXCHANGE_JSON, "Answer")));
    }
}

static json_t *schemas(void)
{
    return json_pack("{s:{s:s, s:[s], s:{s:{s:s}}}, s:{s:s, s:{s:{s:s, s:{s:s}}, s:{s:s}, s:{s:s}, "
                     "s:{s:[s, s]}}}}",
        "Error", "type", "object", "required", "error", "properties", "error", "type", "string",
        "Answer", "type", "object", "properties", "rows", "type", "array", "items", "type",
        "object", "total", "type", "integer", "truncated", "type", "boolean", "next", "type",
        "string", "null");
}

json_t *openapi_describe(void)
{
    json_t *paths = json_object();

    for (const struct route *route = routes; route->path; route++) {
        size_t length = strlen(route->path);
        const char *method = route->method ? route->method : "get";
        json_t *same = json_object_get(paths, route->path);
        json_t *described;

        if (strcmp(route->path, "/") == 0)
            continue;
        if (route->path[length - 1] == '/')
            describe_verbs(paths, route->path);
        if (route->path[length - 1] == '/')
            continue;
        described = json_pack("{s:{s:s, s:o}}", method, "summary", route->doc, "responses",
            responses_of(route->type, NULL));
        if (same) {
            json_object_update(same, described);
            json_decref(described);
        } else {
            json_object_set_new(paths, route->path, described);
        }
    }
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.1.0", "info", "title",
        "Kieker", "version", PACKAGE_VERSION, "description",
        "Ids are strings; durations are ns (_ns), points in time strings of ns since 1970 (_at).",
        "paths", paths, "components", "schemas", schemas());
}

void openapi_handle(struct exchange *x)
{
    json_t *description = openapi_describe();
    char *bytes = description ? json_dumps(description, JSON_INDENT(1)) : NULL;

    json_decref(description);
    exchange_give(x, EXCHANGE_JSON, bytes, bytes ? strlen(bytes) : 0);
}
