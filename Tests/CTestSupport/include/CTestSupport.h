#ifndef CTESTSUPPORT_H
#define CTESTSUPPORT_H

#include <sys/types.h>

/*
 * Sets the effective user and group of the calling thread alone; -1 leaves one. The wrappers of the C library change all
 * threads (nptl(7)). What a thread connects then carries these numbers: SO_PEERCRED, unix(7).
 */
int ts_thread_user(uid_t user, gid_t group);

#endif
