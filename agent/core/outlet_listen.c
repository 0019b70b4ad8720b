/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer says, and what comes of it. */
#include <stdlib.h>

#include "agent/core/clock.h"
#include "agent/core/outlet.h"
#include "agent/core/rings.h"
#include "agent/core/say.h"

/* What the peer has said, as far as it means something here: 1 when the stream cannot go on. */
static int understand(struct outlet *outlet, const char *text)
{
    const char *pairs = talk_is(text, TALK_COMMITTED);
    struct talk_pair pair;

    if (pairs == NULL && orders_take(&outlet->orders, outlet->sink.operations, text))
        return 0;
    if (pairs == NULL)
        return talk_is(text, TALK_UNKNOWN) != NULL;
    while (talk_next(&pairs, &pair)) {
        if (!talk_has_key(&pair, "position") || outlet->peer == OUTLET_MUTE)
            continue;
        outlet->peer = OUTLET_STORES;
        outlet->has_answered = 1;
        window_release(&outlet->window, strtoull(pair.value, NULL, 10));
    }
    return 0;
}

/* The peer has no more what it once said to have stored. */
static void on_unknown(struct outlet *outlet)
{
    const struct writer *writer = &outlet->writer;
    uint64_t before = outlet->sink.lost;

    outlet_abandon(outlet, outlet->window.stored);
    if (outlet->sink.lost > before)
        say("%s %s does not know what it was sent before: %llu records are lost",
            writer->kind->present, writer->name, (unsigned long long)(outlet->sink.lost - before));
    writer_drop(&outlet->writer);
    outlet->retry_at = outlet->unknown_at + OUTLET_RETRY_NS;
    outlet->unknown_at = clock_steady();
    /* Until that is decided, records wait where they are. */
    atomic_store(&rings.connected, 0);
}

int outlet_listen(struct outlet *outlet)
{
    char text[TALK_TEXT_MAX + 1];
    int heard;

    while ((heard = writer_hear(&outlet->writer, text)) == 1) {
        if (outlet->sink.stream != NULL && understand(outlet, text)) {
            on_unknown(outlet);
            return 0;
        }
    }
    return heard;
}
