/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the stream's bytes go: a collector, a log in files, or nowhere. Used by the sender's thread
 * alone, but for writer_lock, writer_unlock and writer_disown, which fork needs.
 */
#ifndef KIEKER_AGENT_CORE_WRITER_H
#define KIEKER_AGENT_CORE_WRITER_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/writer_log.h"
#include "agent/core/writer_tcp.h"

#define WRITER_ERROR_MAX 320u

struct writer {
    const struct writer_kind *kind;
    enum writer_state { WRITER_IDLE, WRITER_CONNECTING, WRITER_CONNECTED } state;
    int has_ended;                /* the peer has ended the connection, see writer_hear */
    int is_at_end;                /* and so have we, see writer_end */
    pthread_mutex_t lock;         /* held while a descriptor changes */
    char *name;                   /* for the user: the collector's address, the log's directory */
    char error[WRITER_ERROR_MAX]; /* why the last call failed */
    union {
        struct writer_tcp tcp;
        struct writer_log log;
    };
};

/* What a kind of writer does where it differs; see the functions below. */
struct writer_kind {
    const char *form;   /* how it is written, for messages */
    const char *prefix; /* of its text; what follows is its address, if it has one */
    /* "ABSENT name (error): …, records are dropped until UNTIL", "PRESENT name BACK". */
    const char *absent, *until, *present, *back;
    int (*init)(struct writer *writer, const char *address);
    void (*fini)(struct writer *writer);
    int (*connect)(struct writer *writer);
    int (*hear)(struct writer *writer, char *text);
    int (*write)(struct writer *writer, const unsigned char *bytes, size_t size,
        const _Atomic uint64_t *give_up, size_t *written);
    /* Both NULL where there is no peer that could say anything. */
    void (*end)(struct writer *writer);
    void (*wait)(struct writer *writer, unsigned ms);
    int (*finish)(struct writer *writer, uint64_t give_up);
    void (*drop)(struct writer *writer);
    void (*disown)(struct writer *writer);
};

/* Takes the writer that `text` names: 0, or -1 and `error` says what is wrong with it. */
int writer_init(struct writer *writer, const char *text);
void writer_fini(struct writer *writer);

/* The same text (heap) for a process whose working directory is another; NULL without memory. */
char *writer_absolute(const char *text);

/* Begins or continues to connect, without waiting but for the resolver: 1 connected, 0 not yet, -1
 * failed. On a new connection the stream begins anew. */
int writer_connect(struct writer *writer);

/*
 * Writes whole items of the stream. Waits while the peer does not take them, until *give_up
 * (CLOCK_MONOTONIC; UINT64_MAX: for ever), which another thread may change meanwhile; or until the
 * peer says something: then 0 with less than all in *written, and one hears it first. 0, or -1 with
 * the bytes that were taken in *written.
 */
int writer_write(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written);

/*
 * What the peer has said, see answers.h: 1 with the next text; 0 when there is none now; -1 when
 * the connection has ended or broke. Then `has_ended` says whether in order: such a peer has read
 * all that was sent.
 */
int writer_hear(struct writer *writer, char text[TALK_TEXT_MAX + 1]);

/* Whether this kind of writer has a peer that may say something. */
static inline int writer_may_hear(const struct writer *writer)
{
    return writer->kind->wait != NULL;
}

/* Waits for the peer to say something, for so long at most. */
void writer_wait(struct writer *writer, unsigned ms);

/* Says to the peer, once, that nothing more will come. It may still answer. */
void writer_end(struct writer *writer);

/* Ends the connection in order: until `give_up` it is waited for that the peer has everything. 0,
 * or -1 if it has not. */
int writer_finish(struct writer *writer, uint64_t give_up);

/* Ends the connection at once, or the attempt to make one. */
void writer_drop(struct writer *writer);

void writer_lock(struct writer *writer);
void writer_unlock(struct writer *writer);

/* In a forked child: lets go of the child's copy of the connection; the parent's stays as it is. */
void writer_disown(struct writer *writer);

/* For the kinds: sets `error` to "WHAT: WHY", or WHAT if WHY is empty; gives -1. */
int writer_refuse(struct writer *writer, const char *what, const char *why);

#endif
