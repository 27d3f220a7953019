// Making the child: inside the PID namespace of the tie, and still a child of the controller.
//
// A process makes a PID namespace below its own only (copy_pid_ns in kernel/pid_namespace.c), so it takes a helper that is
// in the tie's. CLONE_PARENT then gives the child the helper's parent; the tie itself, as the init of its namespace, could
// not do that (clone(2)).
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// <sched.h> has its own clone_args, and <linux/sched.h> no clone.
int clone(int (*function)(void *), void *stack, int flags, void *argument, ...);

struct birth {
  const struct ci_plan *plan;
  struct clone_args args;
  int error;
};

/// Runs in the helper, on the controller's memory and with its descriptors, while the controller waits.
static int give_birth(void *argument) {
  struct birth *birth = argument;
  long pid = syscall(SYS_clone3, &birth->args, sizeof birth->args);
  if (pid == 0) ci_child(birth->plan);
  birth->error = pid == -1 ? errno : 0;
  return 0;
}

/// As this process sees it: the helper was given the number that the tie's namespace has for it.
static int pid_of(int pidfd) {
  char path[40] = "/proc/self/fdinfo/", digits[12], text[512];
  size_t count = 0, end = strlen(path);
  for (int rest = pidfd; rest > 0 || count == 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count > 0) path[end++] = digits[--count];
  path[end] = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1) return -1;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  text[got > 0 ? got : 0] = 0;
  int pid = 0;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, "Pid:\t", 5) != 0) continue;
    for (line += 5; *line >= '0' && *line <= '9'; line++) pid = pid * 10 + (*line - '0');
    break;
  }
  // The file has -1 once the process has been reaped.
  if (pid == 0) errno = ESRCH;
  return pid > 0 ? pid : -1;
}

int ci_start(const struct ci_plan *plan, uint64_t namespaces, int tie_pidfd, int cgroup_fd, int *pidfd) {
  _Alignas(64) char stack[64 * 1024];
  struct birth birth = {
      .plan = plan,
      .args = {
          .flags = CLONE_NEWPID | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_PARENT | namespaces,
          .pidfd = (uint64_t)(uintptr_t)pidfd,
      }};
  if (cgroup_fd >= 0) {
    // Born in it: no migration, and no moment in the controller's cgroup.
    birth.args.flags |= CLONE_INTO_CGROUP;
    birth.args.cgroup = (uint64_t)cgroup_fd;
  }
  int own = open("/proc/thread-self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
  if (own == -1) return -1;
  if (syscall(SYS_setns, tie_pidfd, CLONE_NEWPID) == -1) {
    int saved = errno;
    close(own);
    errno = saved;
    return -1;
  }
  // No handler of this process runs in the helper, on its memory.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  int helper = clone(give_birth, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &birth);
  int error = helper == -1 ? errno : birth.error;
  if (helper != -1)
    while (waitpid(helper, NULL, 0) == -1 && errno == EINTR) {
    }
  sigprocmask(SIG_SETMASK, &before, NULL);
  // Of this thread, and for its children only: it goes back to its own.
  syscall(SYS_setns, own, CLONE_NEWPID);
  close(own);
  if (error != 0) {
    errno = error;
    return -1;
  }
  return pid_of(*pidfd);
}
