/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the disk that is held beside the database, in FILE-reserve: letting go takes some room
 * itself, and on a full disk there would be none. It is given up only for that, never for what
 * comes, and held again as soon as there is room. A store goes on without it.
 */
#ifndef KIEKER_STORAGE_SQLITE_RESERVE_H
#define KIEKER_STORAGE_SQLITE_RESERVE_H

#define RESERVE_BYTES (4 << 20) /* many pieces of what is let go, in the write-ahead log */

/* All zero but for `fd`, which is -1: none. */
struct reserve {
    char *path;
    int fd, is_held;
};

/* Takes the file over if a killed collector has left it, and holds nothing yet. */
void reserve_open(struct reserve *reserve, const char *location);

/* Holds the room if it is there. */
void reserve_hold(struct reserve *reserve);

/* Likewise, but only where as much again stays for others. */
void reserve_hold_easily(struct reserve *reserve);

/* Gives the room back to the disk: 1; 0: none was held. */
int reserve_release(struct reserve *reserve);

/* Removes the file. */
void reserve_close(struct reserve *reserve);

#endif
