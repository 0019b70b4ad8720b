/* SPDX-License-Identifier: Apache-2.0 */
#include "query/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
    struct store_reader *reader;
    char *url;
};

static char *address(const char *given)
{
    const char *scheme = strstr(given, "://") == NULL ? "http://" : "";
    size_t length = strlen(given), size = strlen(scheme) + length + 1;
    char *url;

    while (length > 0 && given[length - 1] == '/')
        length--;
    url = malloc(size);
    if (url != NULL)
        snprintf(url, size, "%s%.*s", scheme, (int)length, given);
    return url;
}

static struct store_reader *open_database(const char *given, char *error, size_t size)
{
    char *location = given != NULL ? NULL : store_default_location(), why[1024];
    struct store_reader *reader = NULL;
    int missing = 0;

    if (given == NULL)
        given = location;
    if (given == NULL) {
        snprintf(error, size,
            "There is no home directory to look for the database in: give --database FILE");
        return NULL;
    }
    reader = store_read(given, why, sizeof(why), &missing);
    if (reader == NULL && missing)
        snprintf(error, size,
            "No database at %s. Start `kieker-collector`, or give --database FILE", given);
    else if (reader == NULL)
        snprintf(error, size, "%s", why);
    free(location);
    return reader;
}

struct source *source_open(const char *database, const char *server, char *error, size_t error_size)
{
    struct source *source = calloc(1, sizeof(*source));

    snprintf(error, error_size, "memory is short");
    if (source == NULL)
        return NULL;
    if (server == NULL && database == NULL)
        server = getenv("KIEKER_SERVER");
    if (server != NULL && *server != '\0')
        source->url = address(server);
    else
        source->reader = open_database(database, error, error_size);
    if (source->url != NULL || source->reader != NULL)
        return source;
    free(source);
    return NULL;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    if (source->reader != NULL)
        store_reader_close(source->reader);
    free(source->url);
    free(source);
}

const char *source_server(const struct source *source)
{
    return source->url;
}

json_t *source_answer(struct source *source, struct request *request)
{
    return source->url != NULL ? remote_answer(source->url, request)
                               : request_answer(request, source->reader);
}
