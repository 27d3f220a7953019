// Calls, macros and packed structures that Swift cannot import. Nothing here decides anything: a function is one
// system call or one macro, returns -1 with errno set like the call does, and keeps no state.
#ifndef C_LINUX_SYSTEM_H
#define C_LINUX_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: descriptors and files

int ls_open(int directory, const char *path, int flags, unsigned mode);
/// openat2(2); `resolve` is RESOLVE_*.
int ls_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/// fcntl(F_DUPFD_CLOEXEC): the lowest free descriptor not below `least`.
int ls_dup_cloexec(int fd, int least);
int ls_set_cloexec(int fd, int on);
int ls_set_nonblocking(int fd, int on);
/// memfd_create(2) with MFD_CLOEXEC and, where `sealable`, MFD_ALLOW_SEALING.
int ls_memfd(const char *name, int sealable);
/// eventfd(2), nonblocking and close-on-exec.
int ls_eventfd(void);
int ls_ioctl_int(int fd, unsigned long request, int *value);

/// Only a name for a file, not the file open; open(2). _GNU_SOURCE hides it from Swift.
extern const int LS_O_PATH;
enum { LS_RESOLVE_NO_MAGICLINKS = 0x02, LS_RESOLVE_NO_SYMLINKS = 0x04, LS_RESOLVE_BENEATH = 0x08, LS_RESOLVE_IN_ROOT = 0x10 };

// MARK: sockets

struct ls_peer { int32_t pid; uint32_t uid; uint32_t gid; };
int ls_unix_socket(void);
int ls_unix_socketpair(int fds[2]);
/// bind or connect to a path of at most 107 bytes.
int ls_unix_bind(int fd, const char *path);
int ls_unix_connect(int fd, const char *path);
int ls_accept(int fd);
int ls_peer(int fd, struct ls_peer *peer);
/// SIOCOUTQ: bytes sent that the peer has not read yet. For a Unix socket this counts buffer overhead as well, so only
/// 0 has a meaning.
int ls_unsent(int fd, int *bytes);
ssize_t ls_send(int fd, const void *bytes, size_t count);
ssize_t ls_recv(int fd, void *bytes, size_t count);
/// One byte and one descriptor in one sendmsg(2).
ssize_t ls_send_fd(int fd, uint8_t byte, int passed);
/// recvmsg(2) with MSG_CMSG_CLOEXEC. `*count` holds the room in `passed` and then how many came; `*truncated` is 1 when
/// more came than there was room for (the kernel has closed those).
ssize_t ls_recv_fds(int fd, void *bytes, size_t size, int *passed, int *count, int *truncated);

// MARK: epoll

enum { LS_EPOLL_IN = 0x1, LS_EPOLL_PRI = 0x2, LS_EPOLL_OUT = 0x4, LS_EPOLL_ERR = 0x8, LS_EPOLL_HUP = 0x10, LS_EPOLL_RDHUP = 0x2000 };
struct ls_epoll_event { uint32_t events; uint64_t token; };
int ls_epoll_create(void);
/// `operation`: 1 add, 2 remove, 3 modify (EPOLL_CTL_*).
int ls_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t token);
/// epoll_pwait2(2), falling back to milliseconds rounded up; `nanoseconds` below 0 waits without end.
int ls_epoll_wait(int epoll, struct ls_epoll_event *events, int room, int64_t nanoseconds);

// MARK: processes

struct ls_wait_result {
  int32_t pid;     // 0: nothing to report yet
  int32_t code;    // CLD_EXITED, CLD_KILLED, CLD_DUMPED
  int32_t status;  // exit code or signal
  int64_t user_microseconds, system_microseconds;
  int64_t max_rss_kb;
};
int ls_pidfd_open(int32_t pid);
int ls_pidfd_send_signal(int pidfd, int signal);
int ls_pidfd_getfd(int pidfd, int fd);
/// waitid(P_PIDFD, WEXITED | options) with the resource usage that glibc's waitid drops.
int ls_waitid_pidfd(int pidfd, int options, struct ls_wait_result *result);
/// waitid(P_ALL, WEXITED | WNOHANG): reaps any one child.
int ls_waitid_any(struct ls_wait_result *result);

enum { LS_PR_SET_PDEATHSIG = 1, LS_PR_SET_DUMPABLE = 4, LS_PR_SET_NAME = 15, LS_PR_SET_CHILD_SUBREAPER = 36 };
/// Gives memory back that a past moment needed and the present one does not: free heap, and the stack below this call.
void ls_trim_memory(void);
int ls_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

/// Signals are bits: signal n is 1 << (n - 1).
int ls_sigmask(int how, uint64_t set, uint64_t *old);
/// The number of rt_sigtimedwait(2), which sigwait, sigwaitinfo and sigtimedwait all end in.
int ls_sigtimedwait_number(void);
int ls_signalfd(uint64_t set);
/// The number of one pending signal, 0 when there is none.
int ls_signalfd_read(int fd);
int ls_ignore_signal(int signal);
/// prlimit(2).
int ls_limit(int32_t pid, int resource, uint64_t soft, uint64_t hard);

struct ls_fd_mapping { int source; int target; };
struct ls_spawn_plan {
  const char *path;
  char *const *argv;
  char *const *envp;
  const char *directory;               // NULL: the caller's
  const struct ls_fd_mapping *fds;     // targets ascending, no duplicates
  int *scratch;                        // room for as many descriptors
  int fd_count;
  int new_session;
  int signals_blocked;                 // begin with all of them blocked; else with none
  int cgroup_fd;                       // -1: the caller's
  int umask;                           // -1: the caller's
  uint64_t descriptors;                // soft RLIMIT_NOFILE, at most the hard one; 0: the caller's
  // filled by the child
  int failed_stage;                    // enum ls_spawn_stage
  int failed_errno;
};
enum ls_spawn_stage {
  LS_SPAWN_NONE = 0, LS_SPAWN_CLONE, LS_SPAWN_DESCRIPTORS, LS_SPAWN_SESSION, LS_SPAWN_DIRECTORY, LS_SPAWN_EXEC
};
/// Runs a program: clone3 with CLONE_VM | CLONE_VFORK (no page table is copied, whatever the caller's size), straight
/// into its cgroup. Signal mask as the plan says, all dispositions default, every descriptor not mapped closed.
/// Returns the pid and sets *pidfd; -1 with failed_stage and failed_errno set.
int ls_spawn(struct ls_spawn_plan *plan, int *pidfd);

// MARK: the rest

enum { LS_INOTIFY_MODIFY = 0x2, LS_INOTIFY_MOVED_TO = 0x80, LS_INOTIFY_CREATE = 0x100, LS_INOTIFY_DELETE = 0x200,
       LS_INOTIFY_MOVED_FROM = 0x40, LS_INOTIFY_DELETE_SELF = 0x400, LS_INOTIFY_MOVE_SELF = 0x800 };
int ls_inotify(void);
int ls_inotify_watch(int fd, const char *path, uint32_t mask);
int ls_getrandom(void *bytes, size_t count);
/// Calls `visit` with each name but "." and ".."; d_type is DT_*. Stops early when `visit` returns non-zero.
int ls_list(int directory, void *context, int (*visit)(void *context, const char *name, unsigned char type));
/// The device number as major and minor.
void ls_device(uint64_t device, uint32_t *major, uint32_t *minor);
int ls_mkdirat(int directory, const char *path, unsigned mode);
/// setxattr(2), getxattr(2).
int ls_set_attribute(const char *path, const char *name, const void *value, size_t size);
ssize_t ls_get_attribute(const char *path, const char *name, void *value, size_t size);

#endif
