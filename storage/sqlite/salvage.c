/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/salvage.h"

#define NEAR 64 /* ids that are tried one by one; farther ones by doubling the distance */
#define FAR (INT64_C(1) << 40)

int salvage_open(struct salvage *salvage, struct database *database, const char *sql)
{
    *salvage = (struct salvage){.database = database, .rows = database_prepare(database, sql)};
    return salvage->rows ? 0 : -1;
}

void salvage_close(struct salvage *salvage)
{
    sqlite3_finalize(salvage->rows);
    salvage->rows = NULL;
}

int salvage_is_damage(struct database *database)
{
    int result = sqlite3_errcode(database->handle) & 0xFF;

    return result == SQLITE_CORRUPT || result == SQLITE_NOTADB || result == SQLITE_IOERR;
}

/* Begins at an id: what SQLite says to the first row from there on. */
static int step_from(struct salvage *salvage, int64_t id)
{
    sqlite3_reset(salvage->rows);
    sqlite3_bind_int64(salvage->rows, 1, id);
    return sqlite3_step(salvage->rows);
}

static int is_readable(struct salvage *salvage, int64_t id)
{
    int result = step_from(salvage, id);

    sqlite3_reset(salvage->rows);
    return result == SQLITE_ROW || result == SQLITE_DONE;
}

/* The rows from `next` on cannot be read: goes to the nearest that can. */
static enum salvaged pass(struct salvage *salvage)
{
    int64_t bad = 0, good = 1; /* distances from `next` */

    salvage->lost_from = salvage->next;
    salvage->stepping = 0;
    while (good < FAR && !is_readable(salvage, salvage->next + good)) {
        bad = good;
        good = good < NEAR ? good + 1 : good * 2;
    }
    if (good >= FAR) {
        salvage->end = 1;
        salvage->lost_to = INT64_MAX;
        return SALVAGE_HOLE;
    }
    while (good - bad > 1) {
        int64_t middle = bad + (good - bad) / 2;

        if (is_readable(salvage, salvage->next + middle))
            good = middle;
        else
            bad = middle;
    }
    salvage->next += good;
    salvage->lost_to = salvage->next - 1;
    return SALVAGE_HOLE;
}

enum salvaged salvage_next(struct salvage *salvage)
{
    int result;

    if (salvage->end)
        return SALVAGE_END;
    result = salvage->stepping ? sqlite3_step(salvage->rows) : step_from(salvage, salvage->next);
    salvage->stepping = 1;
    if (result == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(salvage->rows, 0);

        if (id >= salvage->next && id < INT64_MAX - FAR) {
            salvage->next = id + 1;
            return SALVAGE_ROW;
        }
        salvage->end = 1; /* ids that no writer gives, or out of order: the tree is damaged */
        salvage->lost_from = salvage->next;
        salvage->lost_to = INT64_MAX;
        return SALVAGE_HOLE;
    }
    if (result == SQLITE_DONE) {
        salvage->end = 1;
        return SALVAGE_END;
    }
    if (salvage_is_damage(salvage->database))
        return pass(salvage);
    database_failed(salvage->database);
    return SALVAGE_FAILED;
}
