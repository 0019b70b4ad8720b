/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts. What a disk surely has is what was synchronized: this program's own fsync and
 * fdatasync, which SQLite calls, too, keep a copy of every file as it was then. The copies, taken
 * at any time, must be a whole database; with DURABLE_POWER nothing that was committed is missing.
 */
#include "tests/store_world.h"

#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CUTS 80

static struct world world;
static char durable[128], cuts[128]; /* directories; "": nothing is kept */
static unsigned syncs, cut_count;
static uint64_t committed_at_cut[CUTS];

static void copy(const char *from, const char *to)
{
    char room[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;

    while (in >= 0 && out >= 0 && (got = read(in, room, sizeof(room))) > 0)
        if (write(out, room, (size_t)got) != got)
            abort();
    if (in < 0 || out < 0)
        abort();
    close(in);
    close(out);
}

/* The power goes now: what the disk has is put aside. */
static void cut(void)
{
    char command[512];

    if (cut_count >= CUTS)
        return;
    snprintf(command, sizeof(command), "mkdir %s/%u && cp -r %s/. %s/%u", cuts, cut_count, durable,
        cuts, cut_count);
    if (system(command) != 0)
        abort();
    committed_at_cut[cut_count++] = world.committed;
}

/* A directory is synchronized: what was deleted there is gone. */
static void forget_deleted(const char *directory)
{
    static const char *const names[] = {"kieker.db", "kieker.db-journal", "kieker.db-wal"};
    char path[1024];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        if (access(path, F_OK) == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", durable, names[i]);
        unlink(path);
    }
}

static int keep_file(int fd)
{
    char link[64], path[512], to[1024];
    struct stat status;
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (!*durable || length <= 0 || fstat(fd, &status) < 0)
        return 0;
    path[length] = '\0';
    if (S_ISDIR(status.st_mode)) {
        forget_deleted(path);
    } else if (S_ISREG(status.st_mode)) {
        snprintf(to, sizeof(to), "%s/%s", durable, strrchr(path, '/') + 1);
        copy(path, to);
        if (++syncs % 7 == 0)
            cut();
    }
    return 0;
}

int fdatasync(int fd)
{
    return keep_file(fd);
}

int fsync(int fd)
{
    return keep_file(fd);
}

static int64_t number(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value = 0;

    ck_assert_msg(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK, "%s: %s", sql,
        sqlite3_errmsg(handle));
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* What a collector finds that starts after the cut. */
static void check_cut(unsigned which, int power)
{
    char path[256], error[512] = "";
    struct assembler_start start;
    struct store_reader *reader;
    struct model model;
    struct store *store;
    sqlite3 *handle;
    int missing;
    uint64_t batches;

    snprintf(path, sizeof(path), "%s/%u/kieker.db", cuts, which);
    if (access(path, F_OK) < 0) {
        ck_assert(!power || committed_at_cut[which] == 0);
        return;
    }
    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_int_eq(
        number(handle, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
    sqlite3_close(handle);
    ck_assert_int_eq(model_init(&model), 0);
    store = store_open(path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
    ck_assert_msg(store != NULL, "%s", error);
    batches = start.last_batch;
    if (power)
        ck_assert_uint_ge(batches, committed_at_cut[which]);
    /* One more may have been on its way. */
    ck_assert_uint_le(batches, committed_at_cut[which] + 1);
    store_close(store);
    model_fini(&model);
    reader = store_read(path, error, sizeof(error), &missing);
    ck_assert_msg(reader != NULL, "%s", error);
    for (size_t i = 0; i < world.known.count && world.known.items[i].trace.id <= start.last_trace;
         i++) {
        struct trace_row row;

        ck_assert_msg(store_trace(reader, world.known.items[i].trace.id, &row) == 1,
            "cut %u: trace %llu is missing", which,
            (unsigned long long)world.known.items[i].trace.id);
    }
    store_reader_close(reader);
}

static void run(enum store_durability durability)
{
    char directory[] = "/tmp/kieker-power-XXXXXX", path[128];
    unsigned seed = world_seed();

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(durable, sizeof(durable), "%s/durable", directory);
    snprintf(cuts, sizeof(cuts), "%s/cuts", directory);
    snprintf(path, sizeof(path), "%s/kieker.db", directory);
    ck_assert_int_eq(mkdir(durable, 0700) | mkdir(cuts, 0700), 0);
    world_durability = durability;
    world_open_at(&world, path, seed);
    /* So that the log is copied into the file, and begins anew, again and again. */
    ck_assert_int_eq(store_keep(world.store, &(struct store_limits){0, 1 << 20}), 0);
    for (int i = 0; i < 25; i++) {
        world_make(&world, 60, 6, 2);
        world_leave_open(&world, 4);
        if (i % 6 == 0)
            while (store_tidy(world.store) > 0)
                ;
        cut();
    }
    world_forget(&world);
    *durable = '\0';
    printf("%u synchronized, %u cuts, %llu commits\n", syncs, cut_count,
        (unsigned long long)world.committed);
    if (durability == DURABLE_POWER)
        ck_assert_uint_ge(syncs, world.committed);
    ck_assert_uint_gt(cut_count, 30);
    for (unsigned i = 0; i < cut_count; i++)
        check_cut(i, durability == DURABLE_POWER);
    snprintf(world.directory, sizeof(world.directory), "%s", directory);
    world_remove(&world);
}

START_TEST(test_power)
{
    run(DURABLE_POWER);
}
END_TEST

/* Without waiting for the disk commits may be missing, but never a part of one. */
START_TEST(test_commit)
{
    run(DURABLE_COMMIT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_power");
    TCase *tcase = tcase_create("cuts");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test_power);
    tcase_add_test(tcase, test_commit);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
