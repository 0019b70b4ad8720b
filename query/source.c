/* SPDX-License-Identifier: Apache-2.0 */
#include "query/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/secret.h"
#include "storage/export.h"

#define HERE "http://127.0.0.1:8080" /* where a collector is unless told otherwise */

struct source {
    struct store_reader *reader;
    char *database;
    struct remote remote; /* its url NULL: a database */
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

/* With `salvage` the sentence may also be of what is left out, when it succeeds. */
static struct store_reader *open_database(
    struct source *source, const char *given, int salvage, char *error, size_t size)
{
    char *location = given != NULL ? strdup(given) : store_default_location(), why[1024] = "";
    struct store_reader *reader = NULL;
    int missing = 0;

    source->database = location;
    if (location == NULL) {
        snprintf(error, size,
            "There is no home directory to look for the database in: give --database FILE");
        return NULL;
    }
    reader = (salvage ? store_salvage : store_read)(location, why, sizeof(why), &missing);
    if (reader == NULL && missing)
        snprintf(error, size,
            "No database at %s. Start `kieker-collector`, or give --database FILE", location);
    else
        snprintf(error, size, "%s", why);
    return reader;
}

/* What was given, else what the environment says; NULL: neither, or nothing. */
static const char *given(const char *value, const char *variable)
{
    if (value == NULL)
        value = getenv(variable);
    return value != NULL && *value != '\0' ? value : NULL;
}

static int open_remote(
    struct remote *remote, const struct place *place, const char *server, char *error, size_t size)
{
    const char *ca = given(place->ca, "KIEKER_CA");
    const char *file = given(place->token_file, "KIEKER_TOKEN_FILE");
    const char *token = given(NULL, "KIEKER_TOKEN");

    remote->url = address(server);
    remote->timeout = place->timeout;
    if (ca != NULL)
        remote->ca = strdup(ca);
    if (place->token_file == NULL && token != NULL) {
        remote->token = strdup(token);
        remote->token_size = strlen(token);
    } else if (file != NULL) {
        remote->token = secret_word(file, &remote->token_size, error, size);
        if (remote->token == NULL)
            return -1;
    }
    return remote->url == NULL || (ca != NULL && remote->ca == NULL) ? -1 : 0;
}

static void close_remote(struct remote *remote)
{
    free(remote->url);
    free(remote->ca);
    secret_free(remote->token, remote->token_size);
}

struct source *source_open(const struct place *place, char *error, size_t error_size)
{
    struct source *source = calloc(1, sizeof(*source));
    const char *server = place->server;
    int opened = -1;

    snprintf(error, error_size, "memory is short");
    if (source == NULL)
        return NULL;
    if (server == NULL && place->database == NULL)
        server = getenv("KIEKER_SERVER");
    if (server != NULL && *server != '\0') {
        opened = open_remote(&source->remote, place, server, error, error_size);
    } else {
        source->reader = open_database(source, place->database, place->salvage, error, error_size);
        opened = source->reader != NULL ? 0 : -1;
        if (source->reader != NULL)
            store_reader_limit(source->reader, place->timeout);
    }
    if (opened == 0) {
        if (source->reader == NULL)
            *error = '\0';
        return source;
    }
    source_close(source);
    return NULL;
}

void source_close(struct source *source)
{
    if (source == NULL)
        return;
    if (source->reader != NULL)
        store_reader_close(source->reader);
    free(source->database);
    close_remote(&source->remote);
    free(source);
}

json_t *source_ask(const struct place *place, struct request *request, const char *const *change)
{
    const char *server = given(place->server, "KIEKER_SERVER");
    struct remote remote = {0};
    char error[2048] = "memory is short";
    json_t *answer = NULL;

    if (open_remote(&remote, place, server ? server : HERE, error, sizeof(error)) < 0)
        request_refuse(request, 503, "%s", error);
    else
        answer = change ? remote_change(&remote, request, change) : remote_answer(&remote, request);
    close_remote(&remote);
    return answer;
}

const char *source_server(const struct source *source)
{
    return source->remote.url;
}

const char *source_database(const struct source *source)
{
    return source->database;
}

int source_write(struct source *source, struct request *request, struct outlet *outlet)
{
    int result;

    if (source->remote.url != NULL)
        return remote_write(&source->remote, request, outlet);
    if (request_check(request) < 0)
        return -1;
    result = request->verb->write(request, source->reader, outlet);
    request_note_end(request, source->reader);
    return result;
}

json_t *source_answer(struct source *source, struct request *request)
{
    return source->remote.url != NULL ? remote_answer(&source->remote, request)
                                      : request_answer(request, source->reader);
}
