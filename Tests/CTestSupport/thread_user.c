#define _GNU_SOURCE
#include "CTestSupport.h"
#include <sys/syscall.h>
#include <unistd.h>

int ts_thread_user(uid_t user, gid_t group) {
    /* Back to root first: only root may change the group. */
    if (syscall(SYS_setresuid, (uid_t)-1, (uid_t)0, (uid_t)-1) != 0) return -1;
    if (syscall(SYS_setresgid, (gid_t)-1, group, (gid_t)-1) != 0) return -1;
    return (int)syscall(SYS_setresuid, (uid_t)-1, user, (uid_t)-1);
}
