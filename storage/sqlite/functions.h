/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL functions over coded histograms: histogram_add(a, b) is their sum, either may be NULL; the
 * aggregate histogram_sum(h) likewise; histogram_subtract(a, b) takes b away again, and
 * histogram_least(h) and histogram_most(h) are the ns between which all lies, NULL if nothing does;
 * histogram_quantile(h, q) gives the ns that the share q (0 to 1) does not exceed, NULL if nothing
 * was counted.
 */
#ifndef KIEKER_STORAGE_SQLITE_FUNCTIONS_H
#define KIEKER_STORAGE_SQLITE_FUNCTIONS_H

#include "storage/sqlite/database.h"

#include "analysis/buffer.h"

/* 0, or one of SQLite's results. */
int functions_register(sqlite3 *handle);

/* Appends the sum of two coded histograms. 0, or -1: one is damaged, or memory is short. */
int histogram_merge(const void *a, size_t a_size, const void *b, size_t b_size, struct buffer *out);

#endif
