/* SPDX-License-Identifier: Apache-2.0 */
/* What kieker-query's output goes to, and the pager that may be between. */
#ifndef KIEKER_QUERY_TERMINAL_H
#define KIEKER_QUERY_TERMINAL_H

#include "query/options.h"
#include "query/table.h"

struct terminal {
    struct page page;
    int watched; /* somebody looks at standard output */
    FILE *pager; /* NULL: there is none */
};

/* Files that are opened must not get the number of a standard stream that is closed. Before
 * anything else. */
void terminal_guard(void);

/* Looks at standard output and the environment. `form` as in query/form.h: only text is fitted and
 * paged. */
void terminal_init(struct terminal *terminal, const struct options *options, const char *form);

/* Ends the pager, writes out what is left. 0, or -1 if not all could be written, then errno says
 * why. */
int terminal_fini(struct terminal *terminal);

/* A remark about the answer: below it, if somebody looks at it, else on standard error. */
void terminal_remark(struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
