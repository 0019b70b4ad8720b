/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a Kieker log's directory and of its files of records. Readers go by their order. */
#ifndef KIEKER_RECORD_LOGNAME_H
#define KIEKER_RECORD_LOGNAME_H

#include <stddef.h>
#include <stdint.h>

#define LOGNAME_MAX 512
#define LOGNAME_MAP "kieker.map"

/*
 * "kieker-20260301-120000-NONCE-UTC-HOST-CONTROLLER" of a time in ns since 1970; what cannot stand
 * in a file's name is replaced.
 */
void logname_directory(
    char name[LOGNAME_MAX], int64_t at, uint64_t nonce, const char *host, const char *controller);

/* "kieker-20260301-120000250-UTC-001.dat": the file with that number, from 1. */
void logname_records(char name[LOGNAME_MAX], int64_t at, unsigned number, const char *suffix);

#endif
