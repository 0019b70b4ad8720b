/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

int record_next_value(struct record_cursor *cursor)
{
    const struct record_type *type = cursor->record->type;
    enum record_field_type field;

    if (cursor->next == NULL)
        cursor->next = cursor->record->fields;
    if (cursor->next_field >= type->field_count)
        return 0;
    cursor->field = cursor->next_field;
    cursor->element = cursor->next_element;
    field = type->fields[cursor->field].type;
    if (field_is_array(field)) {
        if (cursor->element == 0) {
            cursor->elements = bytes_get32(cursor->next);
            cursor->next += 4;
        }
        cursor->at = cursor->elements ? cursor->next : NULL;
        cursor->next += cursor->elements ? field_width(field_element(field)) : 0;
        if (++cursor->next_element < cursor->elements)
            return 1;
    } else {
        cursor->elements = 1;
        cursor->at = cursor->next;
        cursor->next += field_width(field);
    }
    cursor->next_field++;
    cursor->next_element = 0;
    return 1;
}
