/* SPDX-License-Identifier: Apache-2.0 */
#include "server/live.h"

#include <string.h>

static const char *const own_names[LOSSES - WIRE_FAULTS] = {
    [LOSS_RESET - WIRE_FAULTS] = "connection_reset",
    [LOSS_MEMORY - WIRE_FAULTS] = "memory_limit",
    [LOSS_STOPPED - WIRE_FAULTS] = "collector_stopped",
    [LOSS_TLS - WIRE_FAULTS] = "tls_failed",
    [LOSS_GONE - WIRE_FAULTS] = "agent_gone",
    [LOSS_REPLACED - WIRE_FAULTS] = "agent_came_back",
    [LOSS_UNKNOWN - WIRE_FAULTS] = "unknown_session",
};

const char *loss_name(int loss)
{
    return loss < WIRE_FAULTS ? wire_fault_name((enum wire_fault)loss)
                              : own_names[loss - WIRE_FAULTS];
}

void live_init(struct live *live)
{
    memset(live, 0, sizeof(*live));
    pthread_mutex_init(&live->lock, NULL);
    for (int i = WIRE_FINE + 1; i < LOSSES; i++)
        live->own.lost[i - 1].name = loss_name(i);
    live->shown = live->own;
}

void live_fini(struct live *live)
{
    pthread_mutex_destroy(&live->lock);
}

void live_publish(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    live->shown = live->own;
    pthread_mutex_unlock(&live->lock);
}

void live_get(struct live *live, struct figures *figures)
{
    pthread_mutex_lock(&live->lock);
    *figures = live->shown;
    pthread_mutex_unlock(&live->lock);
}
