/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/queue.h"

#include <stdlib.h>

static void sink(struct waiting *heap, size_t count, size_t i, struct waiting what)
{
    size_t child;

    while ((child = 2 * i + 1) < count) {
        if (child + 1 < count && waiting_is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!waiting_is_before(&heap[child], &what))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = what;
}

static void swap(struct waiting *a, struct waiting *b)
{
    struct waiting c = *a;

    *a = *b;
    *b = c;
}

/* Reorders so that the first `most` elements are the first ones, the last of these at their end
 * (quickselect). */
static void select_first(struct waiting *items, size_t count, size_t most)
{
    size_t low = 0, high = count - 1;

    while (low < high) {
        struct waiting pivot = items[low + (high - low) / 2];
        size_t i = low, j = high;

        for (;;) {
            while (waiting_is_before(&items[i], &pivot))
                i++;
            while (waiting_is_before(&pivot, &items[j]))
                j--;
            if (i >= j)
                break;
            swap(&items[i++], &items[j--]);
        }
        if (most - 1 <= j)
            high = j;
        else
            low = j + 1;
    }
}

static void drop_last(struct queue *queue)
{
    struct waiting *heap = queue->heap.items;

    select_first(heap, queue->heap.count, queue->most);
    queue->heap.count = queue->most;
    queue->bound = heap[queue->most - 1];
    queue->dropped = 1;
    for (size_t i = queue->most / 2; i-- > 0;)
        sink(heap, queue->most, i, heap[i]);
}

int queue_add(struct queue *queue, struct waiting new)
{
    struct waiting *heap;
    size_t i;

    if (queue->heap.count >= 2 * queue->most)
        drop_last(queue);
    if (queue->dropped && !waiting_is_before(&new, &queue->bound))
        return 0;
    if (list_add(&queue->heap) == NULL)
        return -1;
    heap = queue->heap.items;
    for (i = queue->heap.count - 1; i > 0 && waiting_is_before(&new, &heap[(i - 1) / 2]);
         i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = new;
    return 0;
}

struct waiting queue_take(struct queue *queue)
{
    struct waiting *heap = queue->heap.items, first = heap[0], last = heap[--queue->heap.count];

    if (queue->heap.count > 0)
        sink(heap, queue->heap.count, 0, last);
    return first;
}

void queue_fini(struct queue *queue)
{
    list_fini(&queue->heap);
}
