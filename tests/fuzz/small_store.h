/* SPDX-License-Identifier: Apache-2.0 */
/* A small database, the same each time, for targets that need one to ask. */
#ifndef KIEKER_TESTS_FUZZ_SMALL_STORE_H
#define KIEKER_TESTS_FUZZ_SMALL_STORE_H

#include "storage/store.h"

#define SMALL_STORE_TRACES 41 /* one of them is running */
#define SMALL_STORE_NOW INT64_C(1700000060000000000)

/*
 * Makes the database on the first call; it is removed when the program ends. Its path: two runs,
 * two hosts, traces of events and of operation executions, failed, incomplete and damaged ones, a
 * running one in several chunks, records of no trace.
 */
const char *small_store(void);

#endif
