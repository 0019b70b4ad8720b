/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/packed_scan.h"

int packed_scan_open(
    struct packed_scan *scan, struct database *database, int64_t first, int64_t last)
{
    *scan = (struct packed_scan){.database = database};
    scan->pieces = database_prepare(database,
        "SELECT minute, data FROM path_packed WHERE minute BETWEEN ? AND ? ORDER BY minute");
    if (scan->pieces == NULL)
        return -1;
    sqlite3_bind_int64(scan->pieces, 1, first);
    sqlite3_bind_int64(scan->pieces, 2, last);
    return 0;
}

int packed_scan_next(struct packed_scan *scan)
{
    int got;

    while ((got = packed_next(&scan->rows)) == 0) {
        got = database_step(scan->database, scan->pieces);
        if (got <= 0)
            return got;
        scan->minute = sqlite3_column_int64(scan->pieces, 0);
        packed_read(&scan->rows, sqlite3_column_blob(scan->pieces, 1),
            (size_t)sqlite3_column_bytes(scan->pieces, 1));
    }
    if (got < 0)
        return database_fail(scan->database,
            "%s is damaged: statistics of paths of minute %lld cannot be read",
            scan->database->location, (long long)scan->minute);
    scan->rows.row.minute = scan->minute;
    return 1;
}

void packed_scan_close(struct packed_scan *scan)
{
    sqlite3_finalize(scan->pieces);
    scan->pieces = NULL;
}
