/* SPDX-License-Identifier: Apache-2.0 */
#include "query/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "query/form.h"

#define WIDTH_LEAST 20

void terminal_guard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null",
                fd == STDOUT_FILENO ? O_RDONLY : O_RDWR); /* writing to it then fails and is said */
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? "" : value;
}

/* $COLUMNS counts also where no terminal is: whoever sets it wants it. */
static unsigned find_width(int watched)
{
    long width = strtol(environment("COLUMNS"), NULL, 10);
    struct winsize size;

    if (width <= 0 && watched && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width <= 0)
        return watched ? 80 : 0;
    return width < WIDTH_LEAST ? WIDTH_LEAST : width > 10000 ? 10000 : (unsigned)width;
}

static int is_coloured(enum colouring colour, int watched)
{
    const char *term = environment("TERM");

    if (colour != COLOUR_AUTO)
        return colour == COLOUR_ALWAYS;
    return watched && *environment("NO_COLOR") == '\0' && *term != '\0' &&
           strcmp(term, "dumb") != 0;
}

static int is_on_path(const char *program)
{
    const char *path = environment("PATH");
    char file[4096];

    while (*path != '\0') {
        int length = (int)strcspn(path, ":");

        snprintf(file, sizeof(file), "%.*s/%s", length, path, program);
        if (access(file, X_OK) == 0)
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

static FILE *start_pager(void)
{
    const char *pager = getenv("PAGER");

    if (pager == NULL)
        pager = is_on_path("less") ? "less -FRX" : "";
    if (*pager == '\0' || strcmp(pager, "cat") == 0)
        return NULL;
    setenv("LESS", "FRX", 0); /* for a $PAGER that is less */
    fflush(stdout);
    return popen(pager, "w");
}

void terminal_init(struct terminal *terminal, const struct options *options, const char *form)
{
    struct page *page = &terminal->page;
    int text = form_is_text(form);

    memset(terminal, 0, sizeof(*terminal));
    terminal->watched = isatty(STDOUT_FILENO);
    page->out = stdout;
    page->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    page->header = options->header;
    page->fold = options->fold;
    page->fields = options->fields;
    page->colour = text && is_coloured(options->colour, terminal->watched);
    page->width = !text || options->wide ? 0 : find_width(terminal->watched);
    if (text && options->pager && terminal->watched && isatty(STDIN_FILENO) &&
        strcmp(environment("TERM"), "dumb") != 0)
        terminal->pager = start_pager();
    if (terminal->pager != NULL)
        page->out = terminal->pager;
}

int terminal_fini(struct terminal *terminal)
{
    int failed = ferror(terminal->page.out) || fflush(terminal->page.out) != 0;

    if (terminal->pager == NULL)
        return failed ? -1 : 0;
    pclose(terminal->pager);
    return 0; /* a reader may leave before the end */
}

void terminal_remark(struct terminal *terminal, const char *format, ...)
{
    FILE *out = terminal->watched ? terminal->page.out : stderr;
    va_list arguments;

    if (terminal->watched)
        table_manner(&terminal->page, DIM);
    else
        fflush(terminal->page.out);
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    if (terminal->watched)
        table_manner(&terminal->page, PLAIN);
    putc('\n', out);
}
