/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "web/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "web/private.h"
#include "web/status.h"

struct workers {
    const struct web_config *config;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct exchange *first, **last; /* that wait */
    unsigned waiting, count;
    int stopping;
    struct worker {
        struct workers *all;
        struct store_reader *reader; /* set and unset with the lock held */
        pthread_t thread;
    } each[];
};

/* From now on others may interrupt it. */
static void set_reader(struct worker *worker, struct store_reader *reader)
{
    pthread_mutex_lock(&worker->all->lock);
    worker->reader = reader;
    if (reader && worker->all->stopping)
        store_reader_interrupt(reader);
    pthread_mutex_unlock(&worker->all->lock);
}

static void close_reader(struct worker *worker)
{
    struct store_reader *reader = worker->reader;

    set_reader(worker, NULL);
    store_reader_close(reader);
}

/* The reader that this thread has, or a new one; NULL after a refusal. */
static struct store_reader *open_reader(struct worker *worker, struct exchange *x)
{
    const struct web_config *config = worker->all->config;
    struct store_reader *reader;
    char error[600];
    int missing = 0;

    if (worker->reader)
        return worker->reader;
    reader = store_read(config->database, error, sizeof(error), &missing);
    if (reader == NULL) {
        exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", error);
        return NULL;
    }
    store_reader_limit(reader, config->query_ms);
    store_reader_guard(reader);
    set_reader(worker, reader);
    return reader;
}

/* Answers with what the verb says. 0; -1 when the reader is better opened anew. */
static int answer(struct workers *w, struct store_reader *reader, struct exchange *x)
{
    const struct web_config *config = w->config;
    struct reply reply;

    if (status_is_asked(&x->request))
        status_reply(&x->request, reader, config, &reply);
    else
        request_reply(&x->request, reader, &reply);
    exchange_give(x, reply.type, reply.bytes, reply.size);
    if (reply.bytes)
        x->answer.status = (unsigned)reply.status;
    return x->answer.status == MHD_HTTP_INTERNAL_SERVER_ERROR ? -1 : 0;
}

static struct exchange *next_exchange(struct workers *w, int *stopping)
{
    struct exchange *x;

    pthread_mutex_lock(&w->lock);
    while (w->first == NULL && !w->stopping)
        pthread_cond_wait(&w->wake, &w->lock);
    x = w->first;
    if (x) {
        w->first = x->next;
        if (w->first == NULL)
            w->last = &w->first;
        w->waiting--;
    }
    *stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return x;
}

static void *run(void *context)
{
    struct worker *worker = context;
    struct workers *w = worker->all;
    struct exchange *x;
    int stopping;

    while ((x = next_exchange(w, &stopping)) != NULL) {
        if (stopping) {
            exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the collector is stopping");
        } else {
            struct store_reader *reader = open_reader(worker, x);

            if (reader && answer(w, reader, x) < 0)
                close_reader(worker);
        }
        MHD_resume_connection(x->connection);
    }
    if (worker->reader)
        close_reader(worker);
    return NULL;
}

struct workers *workers_start(const struct web_config *config)
{
    struct workers *w = calloc(1, sizeof(*w) + config->workers * sizeof(*w->each));

    if (w == NULL)
        return NULL;
    w->config = config;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    for (; w->count < config->workers; w->count++) {
        struct worker *worker = &w->each[w->count];

        worker->all = w;
        if (pthread_create(&worker->thread, NULL, run, worker) != 0)
            break;
        pthread_setname_np(worker->thread, "query");
    }
    if (w->count < config->workers) {
        workers_stop(w);
        return NULL;
    }
    return w;
}

void workers_submit(struct workers *w, struct exchange *x)
{
    int taken = 0;

    pthread_mutex_lock(&w->lock);
    if (!w->stopping && w->waiting < WORKERS_QUEUE_MAX) {
        taken = 1;
        x->is_waiting = 1;
        atomic_fetch_add(&x->web->unanswered, 1);
        MHD_suspend_connection(x->connection);
        x->next = NULL;
        *w->last = x;
        w->last = &x->next;
        w->waiting++;
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    if (!taken)
        exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE,
            "%u queries are waiting already: try again in a moment", WORKERS_QUEUE_MAX);
}

void workers_stop(struct workers *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = 1;
    for (unsigned i = 0; i < w->count; i++)
        if (w->each[i].reader)
            store_reader_interrupt(w->each[i].reader);
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->count; i++)
        pthread_join(w->each[i].thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
