/* SPDX-License-Identifier: Apache-2.0 */
/* A collector from its first socket to its last commit. One a process: it takes the signals. */
#ifndef KIEKER_SERVER_COLLECTOR_H
#define KIEKER_SERVER_COLLECTOR_H

#include <stdatomic.h>

#include "server/listener.h"
#include "server/log.h"
#include "server/settings.h"
#include "web/web.h"

struct event;

struct collector {
    struct settings settings;
    int argc;
    char **argv; /* read again at SIGHUP */
    struct live live;
    struct event_base *base;
    struct sockets sockets, tls_sockets, http_sockets;
    struct token *token;
    struct secure *secure;
    struct tls_server *tls;
    struct greetings *greetings;
    char *database;
    struct store *store;
    struct model model;
    struct assembler_start start;
    struct intake *intake;
    struct spans_intake *spans;
    struct probes *probes;
    pthread_mutex_t figures_lock; /* between the intake's end and those who ask for its figures */
    struct figures last_figures;
    struct connections *connections;
    struct listener *listener;
    struct web *web;
    struct log_pace web_pace;
    atomic_uint_fast64_t http_complaints;
    struct event *signals[3];
    int is_ready;
    uint64_t lost; /* records that could not be stored when it stopped */
    char error[1200];
};

/*
 * The steps of the start, in the order of main: 0, or -1 with a sentence in `error`. collector_stop
 * undoes those that were done, in reverse.
 */
int collector_harden(struct collector *collector);
int collector_open_log(struct collector *collector);
int collector_open_sockets(struct collector *collector);
int collector_load_keys(struct collector *collector);
int collector_learn_records(struct collector *collector); /* from the files of --records */
int collector_drop_privileges(struct collector *collector);
int collector_open_store(struct collector *collector);
int collector_recall_records(struct collector *collector); /* of types that the store knows */
int collector_start_intake(struct collector *collector);
int collector_start_web(struct collector *collector);
int collector_start_listening(struct collector *collector);
int collector_take_signals(struct collector *collector);
int collector_warn(struct collector *collector); /* of what others can reach or read */
int collector_say_ready(struct collector *collector);

/* Of a collector that runs: reads certificates, keys and the token again. */
void collector_reload_keys(struct collector *collector);
void collector_forget_keys(struct collector *collector);

/* Runs until SIGTERM or SIGINT. */
int collector_run(struct collector *collector);
void collector_stop(struct collector *collector);

#endif
