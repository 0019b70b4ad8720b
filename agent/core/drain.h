/* SPDX-License-Identifier: Apache-2.0 */
/* Takes what the rings hold and hands it to the tracks. The sender's thread alone. */
#ifndef KIEKER_AGENT_CORE_DRAIN_H
#define KIEKER_AGENT_CORE_DRAIN_H

#include <stdint.h>

struct map;
struct track_sink;

/* Takes what all rings hold now; gives how many entries that was, and in *dropped how many records
 * found no room in them so far. */
uint64_t drain_rings(struct track_sink *sink, uint64_t *dropped);

/* Of the calls that are open in any thread or fiber, the beginnings of some were not sent after
 * all, see track_lose. */
void drain_lose(struct track_sink *sink, const struct map *first);

/* Nothing more will be recorded: ends the calls that are open in any thread or fiber, so that the
 * traces that were sent are whole. */
void drain_close(struct track_sink *sink);

#endif
