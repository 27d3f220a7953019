// The tie between a guest and its controller: see ci_tie in CContainerInit.h.
#define _GNU_SOURCE
#include "CContainerInit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_SIZE = 8192 };

/// A system call that leaves errno alone: it is the maker's, whose memory this process shares.
static long bare(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "the tie knows x86-64 and arm64 only"
#endif
}

/// All of the process: wait for the maker's end, in two ways that do not depend on each other.
static int hold(void *argument) {
  int pipe = *(int *)argument;
  bare(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  bare(SYS_prctl, PR_SET_NAME, (long)"lodge-tie", 0, 0, 0);
  // The maker's descriptors are copies here: its lock and its sockets have to close when it ends.
  if (pipe != 0) bare(SYS_dup3, pipe, 0, 0, 0, 0);
  bare(SYS_close_range, 1, ~0u, 0, 0, 0);
  char byte;
  while (bare(SYS_read, 0, (long)&byte, 1, 0, 0) == -EINTR) {
  }
  return 0;
}

int ci_tie_make(struct ci_tie *tie) {
  int ends[2];
  void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  if (pipe2(ends, O_CLOEXEC) == -1) {
    munmap(stack, STACK_SIZE);
    return -1;
  }
  // Its start of the stack, where the argument outlives this call; the stack grows down from the other end.
  int *argument = stack;
  *argument = ends[0];
  // No handler of the maker's runs there. Only SIGKILL from outside of its namespace ends it.
  sigset_t all, own;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &own);
  int pid = clone(
      hold, (char *)stack + STACK_SIZE, CLONE_VM | CLONE_NEWPID | CLONE_PIDFD, argument, &tie->pidfd, NULL, NULL);
  int saved = errno;
  sigprocmask(SIG_SETMASK, &own, NULL);
  close(ends[0]);
  if (pid == -1) {
    close(ends[1]);
    munmap(stack, STACK_SIZE);
    errno = saved;
    return -1;
  }
  tie->pipe = ends[1];
  tie->stack = stack;
  return 0;
}

void ci_tie_end(struct ci_tie *tie, int milliseconds) {
  syscall(SYS_pidfd_send_signal, tie->pidfd, SIGKILL, NULL, 0);
  struct pollfd end = {.fd = tie->pidfd, .events = POLLIN};
  siginfo_t info;
  // It ends when the last process of its namespace has; a stack in use may not go.
  if (poll(&end, 1, milliseconds) == 1 && waitid(P_PIDFD, (id_t)tie->pidfd, &info, WEXITED | __WALL) == 0)
    munmap(tie->stack, STACK_SIZE);
  close(tie->pidfd);
  close(tie->pipe);
}
