/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int connect_null(struct writer *writer)
{
    (void)writer;
    return 1;
}

static int hear_nothing(struct writer *writer, char *text)
{
    (void)writer, (void)text;
    return 0;
}

static int init_null(struct writer *writer, const char *address)
{
    if (address[0] != '\0')
        return writer_refuse(writer, "the writer null has no address", "");
    return 0;
}

static int write_null(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written)
{
    (void)writer, (void)bytes, (void)give_up;
    *written = size;
    return 0;
}

static int finish_null(struct writer *writer, uint64_t give_up)
{
    (void)writer, (void)give_up;
    return 0;
}

static void leave_null(struct writer *writer)
{
    (void)writer;
}

static const struct writer_kind null = {
    .form = "null",
    .prefix = "null",
    .absent = "no writer",
    .until = "there is one",
    .present = "the writer",
    .back = "is there",
    .init = init_null,
    .fini = leave_null,
    .connect = connect_null,
    .hear = hear_nothing,
    .write = write_null,
    .finish = finish_null,
    .drop = leave_null,
    .disown = leave_null,
};

static const struct writer_kind *const kinds[] = {
    &writer_tcp, &writer_tls, &writer_log_text, &writer_log_binary, &null};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

int writer_refuse(struct writer *writer, const char *what, const char *why)
{
    snprintf(writer->error, sizeof(writer->error), "%s%s%s", what, why[0] != '\0' ? ": " : "", why);
    return -1;
}

static const struct writer_kind *find(const char *text)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strncmp(text, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0)
            return kinds[i];
    return NULL;
}

static int refuse_kind(struct writer *writer)
{
    char known[200] = "";

    for (size_t i = 0; i < KINDS; i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s, ", kinds[i]->form);
    return writer_refuse(writer, "the writer must be one of", strcat(known, "inactive"));
}

int writer_init(struct writer *writer, const char *text)
{
    memset(writer, 0, sizeof(*writer));
    pthread_mutex_init(&writer->lock, NULL);
    writer->kind = find(text);
    if (writer->kind == NULL)
        return refuse_kind(writer);
    if (writer->kind->init(writer, text + strlen(writer->kind->prefix)) != 0)
        return -1;
    if (writer->name == NULL)
        writer->name = strdup(text);
    return writer->name != NULL ? 0 : writer_refuse(writer, "out of memory", "");
}

void writer_fini(struct writer *writer)
{
    if (writer->kind != NULL)
        writer->kind->fini(writer);
    free(writer->name);
    writer->name = NULL;
    pthread_mutex_destroy(&writer->lock);
}

char *writer_absolute(const char *text)
{
    const struct writer_kind *kind = find(text);
    const char *address = kind != NULL ? text + strlen(kind->prefix) : "";
    char *directory, *absolute = NULL;

    if ((kind != &writer_log_text && kind != &writer_log_binary) || address[0] == '/' ||
        address[0] == '\0')
        return strdup(text);
    directory = getcwd(NULL, 0);
    /* Without a working directory a relative name means nothing, now as well as later. */
    if (directory == NULL)
        return strdup(text);
    if (asprintf(&absolute, "%s%s/%s", kind->prefix, directory, address) < 0)
        absolute = NULL;
    free(directory);
    return absolute;
}

int writer_connect(struct writer *writer)
{
    int connected = writer->state == WRITER_CONNECTED ? 1 : writer->kind->connect(writer);

    if (connected == 1) {
        writer->state = WRITER_CONNECTED;
        writer->has_ended = writer->is_at_end = 0;
    }
    return connected;
}

int writer_write(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written)
{
    *written = 0;
    return writer->kind->write(writer, bytes, size, give_up, written);
}

int writer_hear(struct writer *writer, char text[TALK_TEXT_MAX + 1])
{
    return writer->kind->hear(writer, text);
}

void writer_wait(struct writer *writer, unsigned ms)
{
    writer->kind->wait(writer, ms);
}

void writer_end(struct writer *writer)
{
    if (!writer->is_at_end && writer->kind->end != NULL)
        writer->kind->end(writer);
    writer->is_at_end = 1;
}

int writer_finish(struct writer *writer, uint64_t give_up)
{
    int result = 0;

    if (writer->state == WRITER_CONNECTED) {
        writer_end(writer);
        result = writer->kind->finish(writer, give_up);
    }
    writer->state = WRITER_IDLE;
    return result;
}

void writer_drop(struct writer *writer)
{
    writer->kind->drop(writer);
    writer->state = WRITER_IDLE;
}

void writer_lock(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
}

void writer_unlock(struct writer *writer)
{
    pthread_mutex_unlock(&writer->lock);
}

void writer_disown(struct writer *writer)
{
    writer->kind->disown(writer);
}
