/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is full at any moment: this program's own pwrite, which SQLite calls, too, fails
 * after so many more writes, which come to lie in the midst of commits, merging, packed statistics
 * and letting go. What has failed has changed nothing; with room again all goes on, and nothing is
 * missing or there twice.
 */
#include "tests/store_check.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MINUTE INT64_C(60000000000)
#define WRITES_MOST 48 /* that a piece may do before the disk is full */

static struct world world;
static struct store_reader *reader;
static int writes_left = -1; /* until the disk is full; -1: there is room */
static unsigned failures[4], turn;

enum { COMMIT, TIDY, RETIRE, RELIEVE };

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    if (writes_left == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (writes_left > 0)
        writes_left--;
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    return pwrite(fd, bytes, size, at);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    return writes_left == 0 ? ENOSPC : syscall(SYS_fallocate, fd, 0, at, size) < 0 ? errno : 0;
}

/* What failed has left all as it was; with the reserve some may go all the same, or not. */
static void check_failure(int what)
{
    failures[what]++;
    ck_assert_msg(store_is_full(world.store), "%s", store_error(world.store));
    failures[RELIEVE] += store_relieve(world.store) < 0;
    check_sums_so_far(reader);
    writes_left = -1;
}

static void fill_up(void)
{
    turn++;
    writes_left = (int)(turn % 3 ? turn % WRITES_MOST : turn % 5);
}

static int commit_or_not(struct store *store, struct batch *batch)
{
    int done;

    fill_up();
    done = store_commit(store, batch);
    if (done < 0) {
        check_failure(COMMIT);
        done = store_commit(store, batch);
    }
    writes_left = -1;
    return done;
}

static void work_or_not(int what, int (*work)(struct store *store))
{
    int more;

    do {
        fill_up();
        more = work(world.store);
        if (more < 0) {
            check_failure(what);
            more = work(world.store);
            ck_assert_msg(more >= 0, "%s", store_error(world.store));
        }
        writes_left = -1;
    } while (more > 0);
}

static void set_up(void)
{
    writes_left = -1;
    turn = 0;
    memset(failures, 0, sizeof(failures));
    world_open(&world, world_seed());
    world.commit = commit_or_not;
    reader = world_read(&world);
}

static void tear_down(void)
{
    world.commit = NULL;
    store_reader_close(reader);
    if (world.store)
        world_close(&world);
    world_remove(&world);
}

/* Statistics are the sums of the traces' calls, as long as nothing has gone. */
static void check_calls(void)
{
    check_none(reader,
        "SELECT (SELECT total(calls) FROM path_statistics) - (SELECT total(calls) FROM trace)");
    check_none(reader,
        "SELECT (SELECT total(calls) FROM path_minutes) - (SELECT total(calls) FROM trace)");
    check_none(reader,
        "SELECT (SELECT total(failed) FROM path_minutes) - (SELECT count(*) FROM call WHERE failed)");
}

START_TEST(test_nothing_goes)
{
    int64_t packed = 0;

    for (int i = 0; i < 8; i++) {
        world_make(&world, 60, 60, 6);
        packed += check_ask(reader, "SELECT count(*) FROM path_packed");
        check_calls();
        world.now += i % 2 * 3 * MINUTE;
        work_or_not(TIDY, store_tidy);
        check_sums(reader);
        check_calls();
    }
    for (size_t i = 0; i < world.known.count; i++)
        ck_assert_int_eq(check_trace(reader, &world.known.items[i]), 1);
    check_none(reader, "SELECT count(*) - count(DISTINCT id) FROM trace");
    ck_assert_int_eq(check_ask(reader, "SELECT count(*) FROM trace"), (int64_t)world.known.count);
    printf("%u commits and %u pieces of tidying failed\n", failures[COMMIT], failures[TIDY]);
    ck_assert(packed > 0 && failures[COMMIT] > 8 && failures[TIDY] > 5);
}
END_TEST

START_TEST(test_letting_go)
{
    struct store_retired retired;
    int64_t there;

    ck_assert_int_eq(store_keep(world.store, &(struct store_limits){0, 1 << 20}), 0);
    for (int i = 0; i < 20; i++) {
        world_make(&world, 150, 30, 4);
        world.now += i % 2 * 3 * MINUTE;
        work_or_not(RETIRE, store_retire);
        if (i % 3 == 0)
            work_or_not(TIDY, store_tidy);
        check_sums(reader);
    }
    there = check_ask(reader, "SELECT count(*) FROM trace");
    store_retired(world.store, &retired);
    printf("%zu traces, %" PRId64 " kept; %u pieces of letting go failed, %u of relief\n",
        world.known.count, there, failures[RETIRE], failures[RELIEVE]);
    ck_assert_uint_eq(world.known.count, (uint64_t)there + retired.by_size);
    for (size_t i = 0; i < world.known.count; i++)
        there -= check_trace(reader, &world.known.items[i]);
    ck_assert_int_eq(there, 0);
    ck_assert(retired.by_size > 500 && failures[RETIRE] > 5 && failures[RELIEVE] > 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_full");
    TCase *tcase = tcase_create("full");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_nothing_goes);
    tcase_add_test(tcase, test_letting_go);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
