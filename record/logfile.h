/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in a Kieker log: lines of its kieker.map, and records as lines of a text file or as
 * bytes of a binary one. Strings and classes are named by numbers that count in the map; they are
 * the `symbol` of the record's registry entries here.
 */
#ifndef KIEKER_RECORD_LOGFILE_H
#define KIEKER_RECORD_LOGFILE_H

#include "record/record.h"

/* The most that one of the calls below writes. */
size_t logfile_name_max(size_t length);
size_t logfile_text_max(const struct record *record);
size_t logfile_binary_max(const struct record *record);

/* Each writes at `at` and returns the end. */

/* "$number=text" and a line end. What would end the line is escaped as Kieker's readers have it. */
char *logfile_put_name(char *at, uint32_t number, const char *text, size_t length);

/*
 * A line of a text file, numbers as Java writes them. Kieker's text has no escapes: in a string ;
 * becomes a comma, but for the last value's, where it stands as Kieker's own writers let it stand;
 * a line break becomes a blank, for which Kieker's readers would give up the file; and a backslash
 * that would hide the separator behind it a slash.
 */
char *logfile_put_text(char *at, const struct record *record, uint32_t class, int64_t logged);

/* A record of a binary file. Every string of it has its number. */
char *logfile_put_binary(char *at, const struct record *record, uint32_t class, int64_t logged);

#endif
