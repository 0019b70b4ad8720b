/* SPDX-License-Identifier: Apache-2.0 */
/* Records that a program hands over itself, of any type of record/types.def. */
#ifndef KIEKER_AGENT_PYTHON_RECORDS_H
#define KIEKER_AGENT_PYTHON_RECORDS_H

#include "agent/python/module.h"

extern PyMethodDef records_methods[];

#endif
