/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as SQL from outside, on a small database, as long as a query may take. What must hold:
 * rows or a sentence; the database's file stays as it was; and the reader answers as before.
 */
#include "tests/fuzz/input.h"
#include "tests/fuzz/small_store.h"

#include <sys/stat.h>

#define LIMIT_MS 300
#define ROWS_MAX 1000

static struct store_reader *reader;
static struct stat before;

static void open_reader(void)
{
    char error[512];
    int missing;

    reader = store_read(small_store(), error, sizeof(error), &missing);
    if (reader == NULL)
        fprintf(stderr, "%s\n", error);
    must(reader != NULL && stat(small_store(), &before) == 0);
    store_reader_limit(reader, LIMIT_MS);
}

struct rows {
    unsigned columns, count;
};

static int on_columns(void *context, unsigned count, const char *const *names)
{
    struct rows *rows = context;

    rows->columns = count;
    for (unsigned i = 0; i < count; i++)
        must(names[i] != NULL);
    return 0;
}

static int on_row(void *context, unsigned count, const struct sql_value *values)
{
    struct rows *rows = context;
    unsigned sum = 0;

    must(count == rows->columns);
    for (unsigned i = 0; i < count; i++) {
        must((unsigned)values[i].type <= SQL_BLOB);
        if (values[i].type == SQL_TEXT || values[i].type == SQL_BLOB)
            for (size_t j = 0; j < values[i].size; j += 1 + values[i].size / 64)
                sum += (unsigned char)values[i].text[j];
    }
    return sum == UINT32_MAX || ++rows->count >= ROWS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    char *sql = input_text(&input, 0);
    struct rows rows = {0, 0}, traces = {0, 0};
    struct sql_sink sink = {on_columns, on_row, &rows};
    struct stat after;

    if (reader == NULL)
        open_reader();
    if (store_sql(reader, sql, &sink) < 0)
        must(store_reader_error(reader)[0] != '\0');
    sink.context = &traces;
    must(store_sql(reader, "SELECT id FROM trace", &sink) == 0);
    must(traces.count == SMALL_STORE_TRACES);
    must(stat(small_store(), &after) == 0 && after.st_size == before.st_size &&
         after.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
         after.st_mtim.tv_sec == before.st_mtim.tv_sec);
    free(sql);
    return 0;
}
