/* SPDX-License-Identifier: Apache-2.0 */
#include "query/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const struct stat *status, const char *path, char *error, size_t error_size)
{
    if (!S_ISREG(status->st_mode))
        snprintf(error, error_size, "%.500s is no file", path);
    else if (status->st_mode & (S_IRWXO | S_IWGRP))
        snprintf(error, error_size,
            "%.500s holds a secret, but others than its owner may read or change it: chmod 600 "
            "%.300s",
            path, path);
    else if (status->st_size > (off_t)SECRET_MAX)
        snprintf(error, error_size, "%.500s is too large for a token or a key", path);
    else
        return 0;
    return -1;
}

/* As many bytes as there are, at most `most`; -1 with errno. */
static ssize_t read_all(int fd, char *out, size_t most)
{
    size_t size = 0;

    while (size < most) {
        ssize_t got = read(fd, out + size, most - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

char *secret_read(const char *path, size_t *size, char *error, size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    char *bytes = NULL;
    ssize_t got = -1;

    if (fd < 0 || fstat(fd, &status) < 0)
        snprintf(error, error_size, "%.500s cannot be read: %s", path, strerror(errno));
    else if (check(&status, path, error, error_size) == 0) {
        bytes = malloc(SECRET_MAX + 1);
        got = bytes ? read_all(fd, bytes, SECRET_MAX) : -1;
        if (bytes == NULL)
            snprintf(error, error_size, "memory is short");
        else if (got < 0)
            snprintf(error, error_size, "%.500s cannot be read: %s", path, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        free(bytes);
        return NULL;
    }
    bytes[got] = '\0';
    *size = (size_t)got;
    return bytes;
}

char *secret_word(const char *path, size_t *size, char *error, size_t error_size)
{
    char *word = secret_read(path, size, error, error_size);
    size_t start, length = 0;

    if (word == NULL)
        return NULL;
    start = strspn(word, " \t\r\n");
    while (isgraph((unsigned char)word[start + length]))
        length++;
    if (length > 0 && start + length + strspn(word + start + length, " \t\r\n") == *size) {
        memmove(word, word + start, length);
        explicit_bzero(word + length, *size - length);
        *size = length;
        return word;
    }
    snprintf(error, error_size,
        "%.500s must hold the token alone, one word of ASCII characters: openssl rand -hex 32 makes "
        "one",
        path);
    secret_free(word, *size);
    return NULL;
}

void secret_free(char *secret, size_t size)
{
    if (secret)
        explicit_bzero(secret, size);
    free(secret);
}

int secret_is(const char *secret, size_t secret_size, const char *given, size_t given_size)
{
    volatile unsigned char differs = secret_size != given_size || secret_size == 0;

    for (size_t i = 0; i < given_size && secret_size > 0; i++)
        differs |= (unsigned char)(secret[i % secret_size] ^ given[i]);
    return !differs;
}
