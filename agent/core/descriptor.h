/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of the agent in the observed program: it has a number that the program's own rarely
 * have, and is known again, since programs close descriptors that they did not open.
 */
#ifndef KIEKER_AGENT_CORE_DESCRIPTOR_H
#define KIEKER_AGENT_CORE_DESCRIPTOR_H

#include <sys/types.h>

struct descriptor {
    int fd; /* -1: none */
    dev_t device;
    ino_t inode;
};

#define DESCRIPTOR_NONE ((struct descriptor){.fd = -1})

/* Takes over what was just opened, or failed to be (-1), and moves it out of the program's way. 0,
 * or -1 if there is nothing. */
int descriptor_take(struct descriptor *descriptor, int opened);

/* Whether the number still means what was taken. */
int descriptor_is_ours(const struct descriptor *descriptor);

/* Closes it if it is still ours. */
void descriptor_close(struct descriptor *descriptor);

#endif
