/* SPDX-License-Identifier: Apache-2.0 */
#include "query/learn.h"

#include <stdlib.h>
#include <string.h>

#include "record/irl.h"

int learn_records(struct request *request)
{
    const char *list = request_text(request, PARAM_RECORDS);
    struct irl *irl = list ? irl_new() : NULL;
    char *copy = list ? strdup(list) : NULL, *rest = copy, *path;
    int failed = list && (irl == NULL || copy == NULL);

    while (!failed && list && (path = strsep(&rest, ",")))
        failed = *path != '\0' && irl_read(irl, path) < 0;
    if (!failed && list)
        failed = irl_finish(irl) < 0;
    if (failed)
        request_refuse(request, 400, "%s", irl ? irl_error(irl) : "memory is short");
    irl_free(irl);
    free(copy);
    return failed ? -1 : 0;
}
