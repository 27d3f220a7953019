// What init may do: bounding set, user, capabilities, filter.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int drop_bounding(uint64_t keep) {
  for (unsigned capability = 0; capability < 64; capability++) {
    if (keep >> capability & 1) continue;
    if (syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) == -1) {
      if (errno == EINVAL) return 0;  // past the last one that this kernel has
      return -1;
    }
  }
  return 0;
}

/// A file's set of capabilities could still bring back what is in the bounding set only, and no-new-privileges is on.
static int set_capabilities(uint64_t set) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct now[2], data[2];
  if (syscall(SYS_capget, &header, now) == -1) return -1;
  for (int half = 0; half < 2; half++) {
    // What we do not have ourselves cannot be given.
    uint32_t wanted = (uint32_t)(set >> (32 * half)) & now[half].permitted;
    data[half].permitted = wanted;
    data[half].effective = wanted;
    data[half].inheritable = 0;
  }
  return (int)syscall(SYS_capset, &header, data);
}

struct program {
  unsigned short length;
  const struct ci_instruction *instructions;
};

static int install_filter(struct ci_context *context, int tell) {
  size_t count;
  struct program program = {.instructions = ci_filter(tell, &count)};
  program.length = (unsigned short)count;
  if (!tell) return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  int listener =
      (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener == -1) return -1;
  struct ci_message message = {.kind = CI_MESSAGE_LISTENER};
  int result = ci_send(context->plan->socket, &message, listener);
  int saved = errno;
  // The guest must not hold it: it could answer its own calls.
  syscall(SYS_close, listener);
  errno = saved;
  return result;
}

int ci_rights_step(struct ci_context *context, const struct ci_step *step) {
  switch (step->operation) {
  case CI_BOUNDING: return drop_bounding(step->a);
  case CI_NO_NEW_PRIVS: return (int)syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  case CI_FILTER: return install_filter(context, step->a != 0);
  case CI_GROUPS: return (int)syscall(SYS_setgroups, step->list_count, step->list);
  case CI_USER:
    // Groups go before the user: once the user is changed, the right to change groups is gone.
    if (syscall(SYS_setresgid, (unsigned)step->b, (unsigned)step->b, (unsigned)step->b) == -1) return -1;
    return (int)syscall(SYS_setresuid, (unsigned)step->a, (unsigned)step->a, (unsigned)step->a);
  case CI_CAPABILITIES: return set_capabilities(step->a);
  default: errno = ENOSYS; return -1;
  }
}
