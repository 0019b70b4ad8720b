/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

static unsigned width(enum record_field_type type)
{
    switch (type) {
    case FIELD_BOOL:
        return 1;
    case FIELD_I32:
    case FIELD_STR:
    case FIELD_STRS:
        return 4;
    case FIELD_I64:
    case FIELD_F64:
        break;
    }
    return 8;
}

int record_next_value(struct record_cursor *cursor)
{
    const struct record_type *type = cursor->record->type;

    if (cursor->next == NULL)
        cursor->next = cursor->record->fields;
    if (cursor->next_field >= type->field_count)
        return 0;
    cursor->field = cursor->next_field;
    cursor->element = cursor->next_element;
    if (type->fields[cursor->field].type == FIELD_STRS) {
        if (cursor->element == 0) {
            cursor->elements = bytes_get32(cursor->next);
            cursor->next += 4;
        }
        cursor->at = cursor->elements ? cursor->next : NULL;
        cursor->next += cursor->elements ? 4 : 0;
        if (++cursor->next_element < cursor->elements)
            return 1;
    } else {
        cursor->elements = 1;
        cursor->at = cursor->next;
        cursor->next += width(type->fields[cursor->field].type);
    }
    cursor->next_field++;
    cursor->next_element = 0;
    return 1;
}
