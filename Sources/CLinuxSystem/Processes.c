#define _GNU_SOURCE
#include "CLinuxSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void ls_trim_memory(void) {
  malloc_trim(0);
  // Below the stack pointer there is nothing but what returned calls left behind; the kernel maps it anew when needed.
  // The red zone and this frame stay: they are within the page above.
  enum { PAGE = 4096, DEPTH = 512 * 1024 };
  uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) == -1 || (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < 2 * DEPTH)) return;
  madvise((void *)(here - PAGE - DEPTH), DEPTH, MADV_DONTNEED);
}

int ls_pidfd_open(int32_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int ls_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int ls_pidfd_getfd(int pidfd, int fd) { return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0); }

static int wait_into(idtype_t type, id_t id, int options, struct ls_wait_result *result) {
  siginfo_t info;
  struct rusage usage;
  memset(&info, 0, sizeof info);
  memset(&usage, 0, sizeof usage);
  if (syscall(SYS_waitid, type, id, &info, WEXITED | options, &usage) == -1) return -1;
  memset(result, 0, sizeof *result);
  result->pid = info.si_pid;
  result->code = info.si_code;
  result->status = info.si_status;
  result->user_microseconds = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
  result->system_microseconds = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
  result->max_rss_kb = usage.ru_maxrss;
  return 0;
}

int ls_waitid_pidfd(int pidfd, int options, struct ls_wait_result *result) {
  return wait_into(P_PIDFD, (id_t)pidfd, options, result);
}

int ls_waitid_any(struct ls_wait_result *result) { return wait_into(P_ALL, 0, WNOHANG, result); }

int ls_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return prctl(option, a, b, c, d);
}

int ls_sigtimedwait_number(void) { return SYS_rt_sigtimedwait; }

int ls_sigmask(int how, uint64_t set, uint64_t *old) {
  // The kernel's own form: 64 bits, whatever the size of the C library's sigset_t.
  uint64_t before = 0;
  if (syscall(SYS_rt_sigprocmask, how, &set, &before, sizeof set) == -1) return -1;
  if (old) *old = before;
  return 0;
}

int ls_signalfd(uint64_t set) {
  return (int)syscall(SYS_signalfd4, -1, &set, sizeof set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int ls_signalfd_read(int fd) {
  struct signalfd_siginfo info;
  ssize_t got = read(fd, &info, sizeof info);
  if (got == (ssize_t)sizeof info) return (int)info.ssi_signo;
  return got == -1 && errno != EAGAIN ? -1 : 0;
}

int ls_ignore_signal(int number) {
  // The kernel's own struct sigaction: the C library would refuse the two signals that it keeps for itself.
  uint64_t ignored[4] = {1 /* SIG_IGN */, 0, 0, 0};
  return (int)syscall(SYS_rt_sigaction, number, ignored, NULL, 8);
}

// MARK: spawn

static int spawned_child(void *context) {
  // Shares the caller's memory until execve: no allocation, and nothing written but the plan's own fields.
  struct ls_spawn_plan *plan = context;
  int stage = LS_SPAWN_DESCRIPTORS;
  // CLONE_CLEAR_SIGHAND leaves what the caller ignores ignored, execve too; a daemon ignores SIGPIPE. The kernel's own
  // struct sigaction, all zero: SIG_DFL. The C library would refuse the two signals it keeps for itself.
  uint64_t standard[4] = {0, 0, 0, 0};
  for (int number = 1; number < 65; number++) (void)syscall(SYS_rt_sigaction, number, standard, NULL, 8);

  int above = 3;
  for (int i = 0; i < plan->fd_count; i++)
    if (plan->fds[i].target >= above) above = plan->fds[i].target + 1;
  // First everything out of the way of every target, then into place: no order of mappings can clobber another.
  for (int i = 0; i < plan->fd_count; i++)
    if ((plan->scratch[i] = fcntl(plan->fds[i].source, F_DUPFD_CLOEXEC, above)) == -1) goto failed;
  unsigned next = 0;
  for (int i = 0; i < plan->fd_count; i++) {
    int target = plan->fds[i].target;
    if (dup2(plan->scratch[i], target) == -1) goto failed;
    if ((unsigned)target > next && close_range(next, (unsigned)target - 1, 0) == -1) goto failed;
    next = (unsigned)target + 1;
  }
  if (close_range(next, ~0u, 0) == -1) goto failed;
  // Descriptors 0 to 2 that are not mapped are opened on /dev/null: otherwise a program would give these numbers to the
  // first files it opens.
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    int null = open("/dev/null", O_RDWR);
    if (null == -1) goto failed;
    if (null != fd) {
      if (dup2(null, fd) == -1) goto failed;
      close(null);
    }
  }
  stage = LS_SPAWN_SESSION;
  if (plan->new_session && setsid() == -1) goto failed;
  stage = LS_SPAWN_DIRECTORY;
  if (plan->directory && chdir(plan->directory) == -1) goto failed;
  if (plan->umask >= 0) (void)syscall(SYS_umask, plan->umask);
  if (plan->descriptors) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      limit.rlim_cur = plan->descriptors < limit.rlim_max ? plan->descriptors : limit.rlim_max;
      (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
  }
  stage = LS_SPAWN_EXEC;
  uint64_t blocked = plan->signals_blocked ? ~(uint64_t)0 : 0;
  if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, sizeof blocked) == -1) goto failed;
  execve(plan->path, plan->argv, plan->envp);
failed:
  plan->failed_errno = errno;
  plan->failed_stage = stage;
  _exit(127);
}

/// clone3 where the child runs `function` on a stack of its own. glibc has this, but does not export it.
static long clone3_on_stack(struct clone_args *args, int (*function)(void *), void *context) {
  long result;
#if defined(__x86_64__)
  register int (*function_register)(void *) __asm__("r12") = function;
  register void *context_register __asm__("r13") = context;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "0"((long)SYS_clone3), "D"(args), "S"(sizeof *args), "r"(function_register), "r"(context_register)
      : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_clone3;
  register long first __asm__("x0") = (long)args;
  register long second __asm__("x1") = sizeof *args;
  register int (*function_register)(void *) __asm__("x20") = function;
  register void *context_register __asm__("x21") = context;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x21\n\t"
      "blr x20\n\t"
      "brk #1\n"
      "1:"
      : "+r"(first)
      : "r"(number), "r"(second), "r"(function_register), "r"(context_register)
      : "memory", "x30");
  result = first;
#else
#error "ls_spawn knows x86-64 and arm64 only"
#endif
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

int ls_spawn(struct ls_spawn_plan *plan, int *pidfd) {
  _Alignas(64) char stack[32 * 1024];
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.exit_signal = SIGCHLD;
  args.pidfd = (uint64_t)(uintptr_t)pidfd;
  args.stack = (uint64_t)(uintptr_t)stack;
  args.stack_size = sizeof stack;
  if (plan->cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)plan->cgroup_fd;
  }
  plan->failed_stage = LS_SPAWN_NONE;
  plan->failed_errno = 0;
  // No handler of ours may run in the child, on our memory.
  uint64_t all = ~(uint64_t)0, before = 0;
  if (ls_sigmask(SIG_SETMASK, all, &before) == -1) return -1;
  long pid = clone3_on_stack(&args, spawned_child, plan);
  int clone_errno = errno;
  ls_sigmask(SIG_SETMASK, before, NULL);
  if (pid == -1) {
    plan->failed_stage = LS_SPAWN_CLONE;
    plan->failed_errno = clone_errno;
    return -1;
  }
  if (plan->failed_stage != LS_SPAWN_NONE) {
    struct ls_wait_result ignored;
    while (ls_waitid_pidfd(*pidfd, 0, &ignored) == -1 && errno == EINTR) {}
    close(*pidfd);
    *pidfd = -1;
    return -1;
  }
  return (int)pid;
}

int ls_limit(int32_t pid, int resource, uint64_t soft, uint64_t hard) {
  uint64_t limit[2] = {soft, hard};
  return (int)syscall(SYS_prlimit64, pid, resource, limit, NULL);
}
