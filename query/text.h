/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that others have written, put on a page: what a terminal would obey (control characters, and
 * those that turn the direction of writing) is replaced, and so is what the page's encoding cannot
 * show. Width is in columns of a terminal.
 */
#ifndef KIEKER_QUERY_TEXT_H
#define KIEKER_QUERY_TEXT_H

#include <stddef.h>

/* A copy that may be shown, malloc'ed, or NULL. `text` is UTF-8. */
char *text_clean(const char *text, int utf8);

/* Of text that text_clean gave. */
unsigned text_width(const char *text);

/*
 * Shortens it in the middle, in place, to `width` columns (0: not at all): "shop…get_book". The
 * sign may take a byte more than what it replaces: text_clean has left room for that, others must.
 */
void text_shorten(char *text, unsigned width, int utf8);

#endif
