/* SPDX-License-Identifier: Apache-2.0 */
/* What was committed is read back, whole, in every order and through every filter. */
#include "tests/store_world.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one trace */

static int keep_chunk(void *context, const struct chunk_view *chunk)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        ck_assert_int_eq(buffer_append(context, chunk->parts[i].bytes, chunk->parts[i].size), 0);
    return 0;
}

static void same_trace(const struct trace *a, const struct trace *b)
{
#define SAME(field) ck_assert_msg(a->field == b->field, "trace %" PRIu64 ": " #field, a->id)
    SAME(id);
    SAME(kieker_id);
    SAME(thread);
    SAME(parent_kieker_id);
    SAME(parent_order);
    SAME(stream);
    SAME(run);
    SAME(host);
    SAME(session);
    SAME(application);
    SAME(metadata_logged);
    SAME(start);
    SAME(end);
    SAME(calls);
    SAME(failed);
    SAME(events);
    SAME(depth);
    SAME(root);
    SAME(class);
    SAME(chunks);
    SAME(flaws);
    SAME(state);
    SAME(kind);
    SAME(metadata);
#undef SAME
}

/* Some fifteen hundred of the traces, each time others. */
static void check_traces(struct world *world, struct store_reader *reader)
{
    struct trace_row row;

    size_t step = 1 + world->known.count / 1500, first = world->committed % step;

    for (size_t i = first; i < world->known.count; i += step) {
        const struct known *known = &world->known.items[i];
        struct buffer records = {0};

        ck_assert_msg(store_trace(reader, known->trace.id, &row) == 1, "trace %" PRIu64 ": %s",
            known->trace.id, store_reader_error(reader));
        same_trace(&row.trace, &known->trace);
        ck_assert_str_eq(row.host, world->names.items[known->trace.host]);
        ck_assert_str_eq(row.session, world->names.items[known->trace.session]);
        ck_assert_int_eq(strncmp(row.run, "run", 3), 0);
        if (known->trace.root) {
            ck_assert_str_eq(row.root, world_operation(world, row.root_operation));
            ck_assert_str_eq(row.component, world_component(world, row.root_operation));
        }
        ck_assert_msg(store_chunks(reader, known->trace.id, keep_chunk, &records) == 0, "%s",
            store_reader_error(reader));
        ck_assert_uint_eq(records.size, known->records.size);
        ck_assert_mem_eq(records.bytes, known->records.bytes, records.size);
        buffer_fini(&records);
    }
    ck_assert_int_eq(store_trace(reader, 1u << 30, &row), 0);
    ck_assert_int_eq(store_chunks(reader, 1u << 30, keep_chunk, NULL), -1);
}

START_TEST(test_everything_comes_back)
{
    struct store_reader *reader;
    struct world world;

    world_open(&world, world_seed());
    world_make(&world, 300, 40, 40);
    world_make(&world, 6000, 6, 0);
    for (int i = 0; i < 10; i++)
        world_leave_open(&world, 10);
    reader = world_read(&world);
    check_traces(&world, reader);
    world_close(&world);
    check_traces(&world, reader);
    store_reader_close(reader);
    reader = world_read(&world);
    check_traces(&world, reader);
    store_reader_close(reader);
    world_remove(&world);
}
END_TEST

/* Every block small, then merged, with readers in between. */
START_TEST(test_merging_keeps_all)
{
    struct store_reader *reader;
    struct world world;
    int more;

    world_open(&world, world_seed());
    reader = world_read(&world);
    for (int round = 0; round < 4; round++) {
        world_make(&world, 150, 8, 120);
        while ((more = store_tidy(world.store)) > 0)
            ;
        ck_assert_msg(more == 0, "%s", store_error(world.store));
        check_traces(&world, reader);
    }
    world_make(&world, 9000, 3, 100);
    while ((more = store_tidy(world.store)) > 0)
        ;
    check_traces(&world, reader);
    world_close(&world);
    store_reader_close(reader);
    world_remove(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("traces");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, test_everything_comes_back);
    tcase_add_test(tcase, test_merging_keeps_all);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
