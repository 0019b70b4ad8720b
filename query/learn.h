/* SPDX-License-Identifier: Apache-2.0 */
/* Users' record types, from the files that the parameter `records` names. */
#ifndef KIEKER_QUERY_LEARN_H
#define KIEKER_QUERY_LEARN_H

#include "query/verb.h"

/* Before other threads look for types; nothing if it was not given. 0, or -1 after request_refuse.
 */
int learn_records(struct request *request);

#endif
