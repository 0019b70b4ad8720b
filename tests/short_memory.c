/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before a program's libraries (LD_PRELOAD), it has memory run short. The file that
 * SHORT_MEMORY names holds three numbers, 8 bytes each: how many requests for memory there have
 * been; which is the first to be refused (0: none); how many are, from there on. It is shared, so
 * that whoever started the program can set them while it runs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own names of what stands behind malloc and the rest. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static volatile uint64_t *numbers;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SHORT_MEMORY");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *shared;

    if (fd < 0)
        return;
    shared = mmap(NULL, 3 * sizeof(*numbers), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED)
        numbers = shared;
}

static int refused(void)
{
    uint64_t number;

    if (numbers == NULL)
        return 0;
    number = __atomic_add_fetch(&numbers[0], 1, __ATOMIC_RELAXED);
    if (numbers[1] == 0 || number < numbers[1] || number - numbers[1] >= numbers[2])
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return refused() ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **place, size_t alignment, size_t size)
{
    if (refused())
        return ENOMEM;
    *place = __libc_memalign(alignment, size);
    return *place ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : __libc_memalign(alignment, size);
}
