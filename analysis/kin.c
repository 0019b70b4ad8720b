/* SPDX-License-Identifier: Apache-2.0 */
/* Which trace has started which, noted for the store. */
#include "analysis/assembling.h"

static int note(struct assembler *a, const struct batch_kin *kin)
{
    struct batch_kin *place = list_add(&a->batch->kin);

    if (place == NULL)
        return -1;
    *place = *kin;
    return 0;
}

int kin_note_parent(struct assembler *a, struct open_trace *trace)
{
    if (trace->is_parent)
        return 0;
    trace->is_parent = 1;
    return note(a, &(struct batch_kin){.trace = trace->row.id,
                       .stream = trace->row.stream,
                       .kieker_id = trace->row.kieker_id,
                       .is_parent = 1});
}

int kin_note_child(struct assembler *a, struct open_trace *trace)
{
    const struct trace *row = &trace->row;
    uint32_t slot;

    if (!trace_has_parent(row))
        return 0;
    /* One that went on in the same thread need not have said anything of it. */
    slot = map_get(&trace->stream->ids, (uint64_t)row->parent_kieker_id);
    if (slot != MAP_NONE && kin_note_parent(a, a->traces.items[slot]) < 0)
        return -1;
    return note(a, &(struct batch_kin){.trace = row->id,
                       .stream = row->stream,
                       .kieker_id = row->parent_kieker_id,
                       .order = row->parent_order});
}
