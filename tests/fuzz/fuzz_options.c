/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text where options are read: a configuration file of the collector, its options one by one, a
 * command line of kieker-query, quantities and times. The first byte says which. What must hold:
 * what is refused has a sentence, and what is taken is printed so that it is taken again.
 */
#include "tests/fuzz/input.h"

#include "query/measure.h"
#include "query/options.h"
#include "server/quantity.h"
#include "server/settings.h"

#define ARGUMENTS_MAX 16
#define NOW INT64_C(1700000000000000000)

/* What lies around a value in a file is no part of it. */
static void trim(char *text)
{
    size_t length = strlen(text), begin = strspn(text, " \t\v\f");

    memmove(text, text + begin, length + 1 - begin);
    for (length -= begin; length > 0 && strchr(" \t\v\f", text[length - 1]); length--)
        text[length - 1] = '\0';
}

static void must_be_same(const struct settings *a, const struct settings *b)
{
    for (const struct option *option = options; option->name; option++) {
        char one[8192], other[8192];

        settings_value(a, option, one, sizeof(one));
        settings_value(b, option, other, sizeof(other));
        trim(one);
        must(strcmp(one, other) == 0);
    }
}

/* What is printed is a configuration with the same values. */
static void print_again(const struct settings *settings)
{
    struct settings again = {0};
    char *text = NULL, error[512] = "";
    size_t size = 0;
    FILE *out = open_memstream(&text, &size), *in;

    must(out != NULL);
    settings_print(settings, out);
    must(fclose(out) == 0);
    in = fmemopen(text, size, "r");
    must(in != NULL);
    if (settings_read(&again, in, "printed", error, sizeof(error)) < 0) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    must_be_same(settings, &again);
    fclose(in);
    free(text);
    settings_fini(&again);
}

static void load_defaults(struct settings *settings)
{
    char error[512];

    for (const struct option *option = options; option->name; option++)
        if (option->value)
            must(settings_set(settings, option, option->value, error, sizeof(error)) == 0);
}

static void try_file(const struct input *input)
{
    struct settings settings = {0};
    char error[512] = "";
    FILE *file;

    if (input_left(input) == 0)
        return;
    file = fmemopen((void *)(uintptr_t)input->at, input_left(input), "r");
    must(file != NULL);
    load_defaults(&settings);
    if (settings_read(&settings, file, "file", error, sizeof(error)) < 0)
        must(strncmp(error, "file:", 5) == 0);
    else
        must(error[0] == '\0');
    fclose(file);
    print_again(&settings);
    settings_fini(&settings);
}

static void try_option(struct input *input)
{
    struct settings settings = {0};
    unsigned count = 0, chosen = input_byte(input);
    char *text = input_text(input, 0), error[256] = "";

    while (options[count].name)
        count++;
    load_defaults(&settings);
    if (settings_set(&settings, &options[chosen % count], text, error, sizeof(error)) < 0)
        must(error[0] != '\0');
    print_again(&settings);
    settings_fini(&settings);
    free(text);
}

static void try_arguments(struct input *input)
{
    char program[] = "kieker-query", *arguments[ARGUMENTS_MAX + 1] = {program}, error[512] = "";
    struct options given;
    int count = 1;

    while (input_left(input) > 0 && count < ARGUMENTS_MAX)
        arguments[count++] = input_text(input, '\n');
    if (options_read(&given, count, arguments, error, sizeof(error)) < 0)
        must(error[0] != '\0');
    for (size_t i = 0; i < given.settings.count; i++)
        must(options_setting(&given, given.settings.items[i].name) ==
                 given.settings.items[i].value ||
             i + 1 < given.settings.count);
    options_fini(&given);
    while (--count > 0)
        free(arguments[count]);
}

static void try_quantity(const char *text)
{
    for (int i = QUANTITY_COUNT; i <= QUANTITY_SIZE; i++) {
        char error[256] = "", printed[64];
        int64_t value = -1, again = -1;

        if (quantity_parse((enum quantity)i, text, &value, error, sizeof(error)) < 0) {
            must(error[0] != '\0');
            continue;
        }
        must(value >= 0);
        quantity_print((enum quantity)i, value, printed, sizeof(printed));
        if (value > INT64_C(1) << 53) /* more than is read to the last digit */
            continue;
        must(quantity_parse((enum quantity)i, printed, &again, error, sizeof(error)) == 0);
        must(again == value);
    }
}

static void try_measure(const char *text)
{
    char why[256] = "", seconds[32];
    int64_t value = -1, again;

    if (measure_duration(text, &value, why, sizeof(why)) < 0)
        must(why[0] != '\0');
    else
        must(value >= 0);
    if (measure_time(text, NOW, &value, why, sizeof(why)) < 0) {
        must(why[0] != '\0');
        return;
    }
    must(value >= 0);
    snprintf(seconds, sizeof(seconds), "@%lld.%09lld", (long long)(value / 1000000000),
        (long long)(value % 1000000000));
    if (value < INT64_MAX / 2)
        must(measure_time(seconds, NOW, &again, why, sizeof(why)) == 0 && again == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    char *text;

    switch (input_byte(&input) % 4) {
    case 0:
        try_file(&input);
        break;
    case 1:
        try_option(&input);
        break;
    case 2:
        try_arguments(&input);
        break;
    default:
        text = input_text(&input, 0);
        try_quantity(text);
        try_measure(text);
        free(text);
    }
    return 0;
}
