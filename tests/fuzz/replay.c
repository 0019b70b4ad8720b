/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files, without a fuzzer: `fuzz_x FILE-OR-FOLDER...`, or its own corpus.
 * To fuzz, compile the target with clang -fsanitize=fuzzer,address,undefined instead of with this
 * file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static unsigned tried;

static int try_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long size;

    if (file == NULL || fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0) {
        perror(path);
        return -1;
    }
    rewind(file);
    bytes = malloc(size > 0 ? (size_t)size : 1); /* no more: a read behind it is seen */
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        return -1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    tried++;
    return 0;
}

static int try_path(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char name[4096];
    int result = 0;

    if (folder == NULL)
        return try_file(path);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        result |= try_path(name);
    }
    closedir(folder);
    return result;
}

/* The corpus that belongs to the target that this program is: tests/fuzz/corpus/x for fuzz_x. */
static int try_own_corpus(const char *program)
{
    const char *top = getenv("srcdir"), *name = strstr(program, "fuzz_");
    char path[4096];

    snprintf(
        path, sizeof(path), "%s/tests/fuzz/corpus/%s", top ? top : ".", name ? name + 5 : program);
    return try_path(path);
}

int main(int argc, char **argv)
{
    int result = argc < 2 ? try_own_corpus(argv[0]) : 0;

    for (int i = 1; i < argc; i++)
        result |= try_path(argv[i]);
    printf("%u passed, %u failed\n", tried, (unsigned)(result < 0 || tried == 0));
    return result < 0 || tried == 0;
}
