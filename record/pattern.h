/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which operations a pattern of Kieker's adaptive monitoring means. An operation is its full name
 * here, "component.operation"; one of Python has neither modifiers nor types, so those of a
 * signature must be well-formed and are not looked at.
 *
 *   *                        all
 *   [modifiers] type fq.Name.operation(parameters)
 *                            as in AspectJ. In the name ".." is any number of packages; a "*" that
 *                            begins a part also takes dots, another one does not. "new
 *                            fq.Name.<init>(..)" means fq.Name.__init__, too
 *   %REGEX                   the whole name fits an extended regular expression (POSIX), with \d \D
 *                            \w \W \s \S \b besides. It cannot repeat by count or refer back: so
 *                            no expression takes long
 *   anything else            our own: a shell pattern of the whole name; its * takes dots, too
 *
 * The first two are Kieker's (kieker.monitoring.core.signaturePattern.PatternParser). Kieker's JVM
 * takes %REGEX, too, but as Java's, and for names that begin with %; shell patterns it does not.
 */
#ifndef KIEKER_RECORD_PATTERN_H
#define KIEKER_RECORD_PATTERN_H

#include <stddef.h>

#define PATTERN_MAX 500u   /* bytes */
#define PATTERN_NEST_MAX 8 /* groups inside one another: the C library's work doubles with each */

struct pattern;

/* NULL with a sentence in `error`. */
struct pattern *pattern_new(const char *text, char *error, size_t error_size);
void pattern_free(struct pattern *pattern);

/* Whether an operation with that full name is meant. Any thread. */
int pattern_fits(const struct pattern *pattern, const char *name);

/* Whether Kieker's JVM would take it: 1; or 0 with a sentence in `error`. */
int pattern_is_kiekers(const char *text, char *error, size_t error_size);

#endif
