/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/budget.h"

#include <sqlite3.h>
#include <stddef.h>

static sqlite3_mem_methods plain;

static _Thread_local struct {
    int holds, was_exceeded;
    int64_t left;
} budget;

/* Whether so many bytes may be taken; then they are counted. */
static int take(int64_t bytes)
{
    if (!budget.holds)
        return 1;
    if (bytes > budget.left) {
        budget.was_exceeded = 1;
        return 0;
    }
    budget.left -= bytes;
    return 1;
}

static void give_back(void *memory)
{
    if (budget.holds)
        budget.left += plain.xSize(memory);
}

static void *on_malloc(int size)
{
    void *memory;

    if (!take(size))
        return NULL;
    memory = plain.xMalloc(size);
    if (budget.holds && memory)
        budget.left -= plain.xSize(memory) - size;
    return memory;
}

static void on_free(void *memory)
{
    give_back(memory);
    plain.xFree(memory);
}

static void *on_realloc(void *memory, int size)
{
    int before = budget.holds ? plain.xSize(memory) : 0;
    void *other;

    if (!take(size > before ? size - before : 0))
        return NULL;
    other = plain.xRealloc(memory, size);
    if (budget.holds && size < before && other)
        budget.left += before - size;
    return other;
}

void budget_install(void)
{
    sqlite3_mem_methods ours;

    if (plain.xMalloc != NULL || sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK)
        return;
    ours = plain;
    ours.xMalloc = on_malloc;
    ours.xFree = on_free;
    ours.xRealloc = on_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

void budget_begin(int64_t bytes)
{
    budget.holds = 1;
    budget.was_exceeded = 0;
    budget.left = bytes;
}

int budget_end(void)
{
    budget.holds = 0;
    return budget.was_exceeded;
}
