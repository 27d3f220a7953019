// The child: carries out the plan's steps and executes init.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { JOIN_SESSION_KEYRING = 1 };

int ci_resolve(const struct ci_context *context, int operand) {
  if (operand > CI_SLOT_BASE) return operand;
  return context->slots[CI_SLOT_BASE - operand];
}

static size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

int ci_send(int socket, const struct ci_message *message, int passed) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = (void *)message, .iov_len = sizeof *message};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (passed >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    *(int *)CMSG_DATA(rights) = passed;
  }
  return syscall(SYS_sendmsg, socket, &header, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/// The parent death signal covers a controller that dies from now on; one that died before has closed its end of the
/// report socket, because a process closes its files before it leaves its children (exit_files, exit_notify).
static int guard(const struct ci_context *context) {
  if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1) return -1;
  struct pollfd end = {.fd = context->plan->socket, .events = POLLIN};
  struct timespec now = {0, 0};
  if (syscall(SYS_ppoll, &end, 1, &now, NULL, 0) == -1) return -1;
  if (end.revents & (POLLHUP | POLLERR)) {
    errno = ECANCELED;
    return -1;
  }
  return 0;
}

/// As container engines do: ping without a capability. A kernel without the file has nothing to open.
static void open_ping(void) {
  static const char all[] = "0 2147483647";
  int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC, 0);
  if (fd == -1) return;
  syscall(SYS_write, fd, all, sizeof all - 1);
  syscall(SYS_close, fd);
}

int ci_loopback_up(void) {
  int fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  struct ifreq request = {.ifr_name = "lo"};
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int result = (int)syscall(SYS_ioctl, fd, SIOCSIFFLAGS, &request);
  int saved = errno;
  syscall(SYS_close, fd);
  if (result == 0) open_ping();
  errno = saved;
  return result;
}

/// Only CAP_SYS_RESOURCE lowers it (proc_pid_oom_score_adj(5)); without, the daemon's own is kept.
static int oom_score(const char *text) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  if (fd == -1) return -1;
  struct statfs where;
  if (syscall(SYS_fstatfs, fd, &where) == -1 || where.f_type != PROC_SUPER_MAGIC) {
    syscall(SYS_close, fd);
    errno = EPROTO;
    return -1;
  }
  int result = syscall(SYS_write, fd, text, length_of(text)) == -1 && errno != EACCES ? -1 : 0;
  int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
  return result;
}

/// A working directory that is not below the root has a name that says so (CVE-2024-21626); getcwd(2).
static int change_folder(const char *path) {
  char name[4096];
  int folder = ci_open_plainly(path, O_PATH | O_DIRECTORY);
  if (folder == -1) return -1;
  int result = (int)syscall(SYS_fchdir, folder);
  int saved = errno;
  syscall(SYS_close, folder);
  errno = saved;
  if (result == -1) return -1;
  if (syscall(SYS_getcwd, name, sizeof name) == -1) return -1;
  if (name[0] != '/') {
    errno = EXDEV;
    return -1;
  }
  return 0;
}

static int default_signals(void) {
  // The kernel's own struct sigaction, all zero: SIG_DFL. Handlers went with CLONE_CLEAR_SIGHAND, but what the
  // controller ignores stays ignored, through execve too.
  uint64_t standard[4] = {0, 0, 0, 0};
  for (int number = 1; number < 65; number++) syscall(SYS_rt_sigaction, number, standard, NULL, 8);
  uint64_t none = 0;
  return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static int limit_resource(int resource, uint64_t soft, uint64_t hard, int mode) {
  uint64_t wanted[2] = {soft, hard}, now[2];
  if (mode != CI_LIMIT_KEEP_HARD) {
    if (syscall(SYS_prlimit64, 0, resource, wanted, NULL) == 0) return 0;
    if (errno != EPERM || mode == CI_LIMIT_EXACTLY) return -1;
  }
  if (syscall(SYS_prlimit64, 0, resource, NULL, now) == -1) return -1;
  if (mode == CI_LIMIT_KEEP_HARD || soft > now[1]) wanted[0] = now[1];
  wanted[1] = now[1];
  return (int)syscall(SYS_prlimit64, 0, resource, wanted, NULL);
}

static int stdio(int fd, int target) {
  if (fd == target) return (int)syscall(SYS_fcntl, fd, F_SETFD, 0);
  return syscall(SYS_dup3, fd, target, 0) == -1 ? -1 : 0;
}

static int open_stream(int at, const char *name, int target) {
  int fd = (int)syscall(SYS_openat, at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd == -1) return -1;
  int result = stdio(fd, target);
  int saved = errno;
  if (fd != target) syscall(SYS_close, fd);
  errno = saved;
  return result;
}

/// The root as the guest will see it, with every mount in it: whatever is looked up there is what init will use.
static int show_root(struct ci_context *context) {
  int root = (int)syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (root == -1) return -1;
  struct ci_message message = {.kind = CI_MESSAGE_ROOT};
  int result = ci_send(context->plan->socket, &message, root);
  int saved = errno;
  syscall(SYS_close, root);
  errno = saved;
  return result;
}

static int hear_user(struct ci_context *context) {
  struct ci_identity *identity = &context->identity;
  long got = syscall(SYS_recvfrom, context->plan->socket, identity, sizeof *identity, 0, NULL, NULL);
  if (got == -1) return -1;
  if (got != sizeof *identity || identity->group_count > CI_GROUPS_MAX) {
    errno = ECANCELED;
    return -1;
  }
  if (context->plan->home)
    for (size_t i = 0; i < CI_HOME_SIZE; i++) context->plan->home[i] = identity->home[i];
  return 0;
}

static int close_others(const struct ci_context *context) {
  if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == -1) return -1;
  struct ci_message message = {.kind = CI_MESSAGE_READY};
  return ci_send(context->plan->socket, &message, -1);
}

static int perform(struct ci_context *context, const struct ci_step *step) {
  int fd = ci_resolve(context, step->fd);
  switch (step->operation) {
  case CI_GUARD: return guard(context);
  case CI_WRITE: return syscall(SYS_write, fd, step->text, length_of(step->text)) == -1 ? -1 : 0;
  case CI_UNSHARE: return (int)syscall(SYS_unshare, step->a);
  case CI_ENTER: return (int)syscall(SYS_setns, fd, step->a);
  case CI_HOSTNAME: return (int)syscall(SYS_sethostname, step->text, length_of(step->text));
  case CI_LOOPBACK: return ci_loopback_up();
  case CI_SESSION: return syscall(SYS_setsid) == -1 ? -1 : 0;
  case CI_KEYRING:
    // Not every kernel has keys; then there is nothing to part with.
    return syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) == -1 && errno != ENOSYS ? -1 : 0;
  case CI_TERMINAL: return ci_terminal_step(context, step);
  case CI_SHOW_ROOT: return show_root(context);
  case CI_HEAR_USER: return hear_user(context);
  case CI_STDIO: return stdio(fd, (int)step->a);
  case CI_OPEN_STREAM: return open_stream(ci_resolve(context, step->at), step->text, (int)step->a);
  case CI_RLIMIT: return limit_resource((int)step->a, step->b, step->c, step->slot);
  case CI_OOM_SCORE: return oom_score(step->text);
  case CI_FOLDER: return change_folder(step->text);
  case CI_SIGNALS: return default_signals();
  case CI_CLOSE: return close_others(context);
  case CI_FIND_INIT: return ci_find_init(context);
  case CI_BOUNDING:
  case CI_NO_NEW_PRIVS:
  case CI_FILTER:
  case CI_GROUPS:
  case CI_USER:
  case CI_CAPABILITIES:
  case CI_VERIFY: return ci_rights_step(context, step);
  case CI_FAIL: errno = (int)step->a; return -1;
  case CI_CRASH: {
    // From inside the PID namespace a pidfd of a process outside takes no signal (pidfd_send_signal(2)).
    struct ci_message message = {.kind = CI_MESSAGE_CRASH};
    if (ci_send(context->plan->socket, &message, -1) == -1) return -1;
    struct pollfd end = {.fd = context->plan->socket};
    while (!(end.revents & POLLHUP)) syscall(SYS_ppoll, &end, 1, NULL, NULL, 0);
    return 0;
  }
  case CI_PAUSE:
    for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
  default: return ci_mount_step(context, step);
  }
}

static void fail(struct ci_context *context, size_t step) {
  int error = errno;
  struct ci_message message = {.kind = CI_MESSAGE_FAILURE, .step = (int32_t)step, .error = error};
  for (size_t i = 0; i < sizeof message.text; i++) message.text[i] = context->text[i];
  // With the mount namespace go the mounts in it; so the controller has its look before this process ends.
  int root = context->has_root ? (int)syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0) : -1;
  if (ci_send(context->plan->socket, &message, root) == 0 && root >= 0) {
    char answer;
    syscall(SYS_recvfrom, context->plan->socket, &answer, 1, 0, NULL, NULL);
  }
  for (;;) syscall(SYS_exit_group, 127);
}

void ci_child(const struct ci_plan *plan) {
  struct ci_context context = {.plan = plan};
  // Our copy of the controller's end would keep the socket open when the controller dies.
  syscall(SYS_close, plan->controller_socket);
  syscall(SYS_umask, 022);
  syscall(SYS_personality, 0);
  // Until the pivot, paths are the host's, and openat2 takes the working directory for the root.
  syscall(SYS_chdir, "/");
  for (size_t i = 0; i < plan->step_count; i++) {
    context.text[0] = 0;
    if (perform(&context, &plan->steps[i]) == -1) fail(&context, i);
  }
  // From here on init may have been executed, even if both processes die: the mark outlives them.
  volatile uint8_t *mark = plan->mark;
  if (mark) *mark = 1;
  ci_execute(&context);
  int error = errno;
  if (mark) *mark = 0;
  errno = error;
  context.text[0] = 0;
  fail(&context, plan->step_count);
}
