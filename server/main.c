/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kieker-collector: takes records of Kieker clients, keeps them in one file, shows them on a page.
 */
#include "config.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/collector.h"
#include "server/log.h"
#include "server/memory.h"

enum { EXIT_USAGE = 2 };

/* In this order; what fails first decides. */
static int (*const steps[])(struct collector *) = {
    collector_harden,
    collector_open_log,
    collector_open_sockets,
    collector_load_keys,
    collector_learn_records,
    collector_drop_privileges,
    collector_open_store,
    collector_recall_records,
    collector_start_intake,
    collector_start_web,
    collector_start_listening,
    collector_take_signals,
    collector_warn,
    collector_say_ready,
};

/*
 * Threads inherit what is blocked, so signals come to the loop's thread, and only once it takes
 * them.
 */
static void hold_signals(int how)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(how, &ours, NULL);
}

static int serve(struct collector *collector)
{
    size_t done = 0, count = sizeof(steps) / sizeof(*steps);
    int failed;

    signal(SIGPIPE, SIG_IGN);
    hold_signals(SIG_BLOCK);
    while (done < count && steps[done](collector) == 0)
        done++;
    hold_signals(SIG_UNBLOCK);
    failed = done < count || collector_run(collector) < 0;
    if (failed) {
        fprintf(stderr, "kieker-collector: %s\n", collector->error);
        if (log_has_file())
            log_error("collector", log_field("event", "cannot run"),
                log_field("error", collector->error));
    }
    collector_stop(collector);
    return failed || collector->lost > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct collector collector;
    enum settings_action action;
    int status = EXIT_SUCCESS;

    memory_init();
    map_draw_secret();
    collector.argc = argc;
    collector.argv = argv;
    if (settings_load(&collector.settings, argc, argv, &action, collector.error,
            sizeof(collector.error)) < 0) {
        fprintf(stderr, "kieker-collector: %s\n", collector.error);
        settings_fini(&collector.settings);
        return EXIT_USAGE;
    }
    switch (action) {
    case SETTINGS_HELP:
        settings_help(stdout);
        break;
    case SETTINGS_VERSION:
        printf("kieker-collector %s\n", PACKAGE_VERSION);
        break;
    case SETTINGS_PRINT:
        settings_print(&collector.settings, stdout);
        break;
    case SETTINGS_CHECK:
        status = collector_learn_records(&collector) < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        if (status != EXIT_SUCCESS)
            fprintf(stderr, "kieker-collector: %s\n", collector.error);
        else
            puts("the configuration is right");
        break;
    case SETTINGS_RUN:
        status = serve(&collector);
        break;
    }
    settings_fini(&collector.settings);
    libevent_global_shutdown();
    return status;
}
