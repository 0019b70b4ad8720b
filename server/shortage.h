/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a collector when memory is short.
 *
 * Where nothing has been taken in yet (a connection, an unfinished item, a string, a request), who
 * asked is refused and counted. A batch that cannot be committed is tried again. But where records
 * have been taken in by half, what is held may not be stored any more: the process ends at once, as
 * if it had been killed. The store then has a prefix of each stream, the next start goes on from
 * there, and agents send again what lies behind.
 */
#ifndef KIEKER_SERVER_SHORTAGE_H
#define KIEKER_SERVER_SHORTAGE_H

/* Says so in one sentence and ends the process; `doing`: what could not be done. Any thread. */
_Noreturn void shortage_end(const char *doing);

/* Likewise if the result is not 0; of what fails only then, such as adding an event to the loop. */
static inline void shortage_of(int result, const char *doing)
{
    if (result < 0)
        shortage_end(doing);
}

#endif
