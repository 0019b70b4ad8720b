/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders for Kieker's controller in a monitored JVM (kieker.monitoring.core.controller.tcp), which
 * listens where kieker.monitoring.tcp.remote.port says: Kieker's records of
 * kieker.common.record.remotecontrol in a single-socket stream. It says nothing back.
 */
#ifndef KIEKER_QUERY_JVM_H
#define KIEKER_QUERY_JVM_H

#include <stddef.h>

#include "analysis/buffer.h"

#define JVM_CONNECT_MS 3000 /* for each address */
#define JVM_TAKEN_MS 2000   /* that it may take to have read all */

struct jvm_order {
    const char *action; /* see jvm_actions */
    const char *pattern, *name;
    const char *const *values;
    size_t value_count;
};

extern const char *const jvm_actions; /* with commas between, for a sentence */

/*
 * The stream: ids from 0, no logging times. An activation with a parameter is sent as Kieker's own
 * controller does it: with an empty list, then value by value. 0, or -1 with a sentence.
 */
int jvm_encode(
    const struct jvm_order *order, struct buffer *stream, char *error, size_t error_size);

/*
 * Opens, sends and closes, since a JVM serves one connection at a time. 1: the JVM has read it to
 * its end; 0: it has it, and has not read it yet; -1 with a sentence.
 */
int jvm_send(const char *address, const struct buffer *stream, char *error, size_t error_size);

#endif
