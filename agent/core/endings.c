/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/endings.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/agent.h"

#define PATIENCE_NS 1000000000u /* how much later than without the agent the process may die */
#define STACK_BYTES (1u << 16)

/*
 * Those that kill unless told otherwise. SIGPROF is left out: native profilers refuse to begin
 * where it has a handler, and whoever sets its timer has one. So are the real-time signals, which
 * libraries share out among themselves by the same rule.
 */
static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGUSR1,
    SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGIO, SIGPWR,
    SIGSYS};

static _Atomic int dying;

/* Of the thread that starts the agent: the overflow of its stack is a crash like others. */
static _Alignas(16) char stack[STACK_BYTES];

/* All signals are blocked meanwhile. What this has interrupted may hold any lock. */
static void on_deadly(int signal)
{
    const struct timespec patience = {.tv_sec = PATIENCE_NS / 1000000000u};
    struct sigaction usual = {.sa_handler = SIG_DFL};

    /* A second one, in another thread, leaves it to the first to kill. */
    if (atomic_exchange(&dying, getpid()) == getpid())
        nanosleep(&patience, NULL);
    else
        agent_stop_in_signal(PATIENCE_NS);
    sigemptyset(&usual.sa_mask);
    sigaction(signal, &usual, NULL);
    /* It strikes when this returns, where the first one did. */
    raise(signal);
}

static void watch(int signal)
{
    struct sigaction ours = {.sa_handler = on_deadly, .sa_flags = SA_ONSTACK}, now;

    if (sigaction(signal, NULL, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0 ||
        now.sa_handler != SIG_DFL)
        return;
    sigfillset(&ours.sa_mask);
    sigaction(signal, &ours, NULL);
}

/* The first process of a container: no signal that has no handler kills it. */
static int is_immortal(void)
{
    return getpid() == 1;
}

static void give_stack(void)
{
    stack_t now, ours = {.ss_sp = stack, .ss_size = sizeof(stack)};

    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        sigaltstack(&ours, NULL);
}

void endings_watch(void)
{
    if (is_immortal())
        return;
    give_stack();
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        watch(deadly[i]);
}

void endings_watch_one(int signal)
{
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        if (deadly[i] == signal && !is_immortal())
            watch(signal);
}
