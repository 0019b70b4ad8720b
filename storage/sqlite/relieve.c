/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done about a full disk: what is beyond the limits goes, and what is free in the file
 * and in the log is given back. */
#include "storage/sqlite/writer.h"

#include <time.h>

#define PIECE_NS INT64_C(200000000)
#define PATIENCE_MS 50 /* with readers */
#define BUSY_MS 5000
#define PAGES_A_PIECE 256
#define PAGES_AT_MOST 4096 /* given back at a time: free ones serve what comes as well */

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Copies the log into the file, which has room for it (database_take_room), and cuts both. */
static void empty_log(struct store *store)
{
    sqlite3 *handle = store->database.handle;

    sqlite3_busy_timeout(handle, PATIENCE_MS);
    sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(handle, BUSY_MS);
}

/* Moves free pages to the file's end: 1; 0: there are none, or enough went. */
static int give_back(struct store *store, int64_t *given)
{
    int64_t unused, left;
    char sql[64];

    if (*given >= PAGES_AT_MOST)
        return 0;
    if (database_integer(&store->database, "PRAGMA freelist_count", &unused) < 0)
        return -1;
    if (unused == 0)
        return 0;
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_PIECE);
    if (database_execute(&store->database, sql) < 0 ||
        database_integer(&store->database, "PRAGMA freelist_count", &left) < 0)
        return -1;
    *given += unused - left;
    return left < unused;
}

int store_relieve(struct store *store)
{
    int64_t until = monotonic() + PIECE_NS, given = 0;
    int did = 1;

    empty_log(store);
    while (did > 0 && monotonic() < until) {
        store->database.full = 0;
        did = store_retire(store);
        if (did == 0)
            did = give_back(store, &given);
        if (did < 0 && store->database.full)
            did = reserve_release(&store->reserve) ? 1 : -1;
    }
    empty_log(store);
    if (did == 0)
        reserve_hold(&store->reserve);
    return did;
}
