/* SPDX-License-Identifier: Apache-2.0 */
#include "server/shortage.h"

#include <stdlib.h>
#include <unistd.h>

#include "server/log.h"

void shortage_end(const char *doing)
{
    log_error("collector", log_field("event", "memory is short: ends at once"),
        log_field("doing", doing),
        log_field("error",
            "what is stored is right, and agents send the rest to the next start: give it more "
            "memory, or lower --memory and what it counts (see --help)"));
    _exit(EXIT_FAILURE);
}
