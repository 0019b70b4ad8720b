/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory SQLite may take in one thread, while something runs that is not trusted to be
 * modest. SQLite's own limit would be one of the whole process, and cost a lock at each allocation.
 */
#ifndef KIEKER_STORAGE_SQLITE_BUDGET_H
#define KIEKER_STORAGE_SQLITE_BUDGET_H

#include <stdint.h>

/* Before SQLite is used first. Where that is too late there are no budgets. */
void budget_install(void);

/* From now on this thread may take so many bytes more; what it asks for beyond fails. */
void budget_begin(int64_t bytes);

/* As it was before. Whether something failed. */
int budget_end(void);

#endif
