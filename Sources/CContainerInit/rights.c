// The rights of init: bounding set, user, capabilities, filter.
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
///
/// `ambient` is what programs without set-id bits or file capabilities keep for a user who is not root (capabilities(7)).
static int set_capabilities(uint64_t set, uint64_t ambient) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct now[2], data[2];
  if (syscall(SYS_capget, &header, now) == -1) return -1;
  for (int half = 0; half < 2; half++) {
    // Only capabilities of the controller can be given.
    uint32_t wanted = (uint32_t)(set >> (32 * half)) & now[half].permitted;
    data[half].permitted = wanted;
    data[half].effective = wanted;
    data[half].inheritable = (uint32_t)(ambient >> (32 * half)) & wanted;
  }
  if (syscall(SYS_capset, &header, data) == -1) return -1;
  for (unsigned capability = 0; capability < 64; capability++) {
    if (!(data[capability / 32].inheritable >> (capability % 32) & 1)) continue;
    if (syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == -1) return -1;
  }
  return 0;
}

struct program {
  unsigned short length;
  const struct ci_instruction *instructions;
};

static int install_filter(struct ci_context *context, const struct ci_step *step) {
  struct program program = {
      .length = (unsigned short)(step->list_count / 2), .instructions = (const struct ci_instruction *)step->list};
  if (!step->a) return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
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

/// setresuid(2) and setresgid(2) take the largest number for "leave as it is", and so it would leave root.
static int become(const struct ci_identity *identity, int keeps) {
  uint32_t uid = identity->uid, gid = identity->gid;
  if (uid == UINT32_MAX || gid == UINT32_MAX) {
    errno = EINVAL;
    return -1;
  }
  // Groups go before the user: once the user is changed, the right to change groups is gone.
  if (syscall(SYS_setresgid, gid, gid, gid) == -1) return -1;
  // The permitted set is lost with the change otherwise; execve clears this.
  if (keeps && syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1) return -1;
  return (int)syscall(SYS_setresuid, uid, uid, uid);
}

static int has_groups(const struct ci_identity *identity) {
  static uint32_t groups[CI_GROUPS_MAX];
  long count = syscall(SYS_getgroups, CI_GROUPS_MAX, groups);
  if (count != (long)identity->group_count) return 0;
  // The kernel sorts them.
  for (long i = 0; i < count; i++) {
    int found = 0;
    for (long j = 0; j < count && !found; j++) found = identity->groups[j] == groups[i];
    if (!found) return 0;
  }
  return 1;
}

static int has_ids(const struct ci_identity *identity) {
  uint32_t u[3], g[3];
  if (syscall(SYS_getresuid, &u[0], &u[1], &u[2]) == -1 || syscall(SYS_getresgid, &g[0], &g[1], &g[2]) == -1) return 0;
  for (int i = 0; i < 3; i++)
    if (u[i] != identity->uid || g[i] != identity->gid) return 0;
  return 1;
}

/// No set holds more than `most`; none but the bounding set holds more than `added` for a user other than root. The ambient
/// set is part of the inheritable one, always (capabilities(7)): what is not inheritable is not ambient.
static int has_capabilities(uint64_t most, uint64_t added, uint32_t uid) {
  for (unsigned capability = 0; capability < 64; capability++) {
    if (most >> capability & 1) continue;
    long has = syscall(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
    if (has == -1) break;  // past the last one
    if (has == 1) return 0;
  }
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) == -1) return 0;
  for (int half = 0; half < 2; half++) {
    uint32_t allowed = (uint32_t)((uid == 0 ? most : added) >> (32 * half));
    uint32_t inheritable = uid == 0 ? 0 : allowed;
    if (data[half].permitted & ~allowed || data[half].effective & ~allowed || data[half].inheritable & ~inheritable)
      return 0;
  }
  return 1;
}

void ci_say(struct ci_context *context, const char *text) {
  size_t i = 0;
  for (; text[i] && i + 1 < sizeof context->text; i++) context->text[i] = text[i];
  context->text[i] = 0;
}

/// Every step above says whether it failed. This asks the kernel what is true: a step that did nothing, was left out or
/// undone by a later one is found here, and init is not executed.
static int verify(struct ci_context *context, const struct ci_step *step) {
  const char *wrong = NULL;
  if (!has_ids(&context->identity)) wrong = "user and group ids";
  else if (!has_groups(&context->identity)) wrong = "groups";
  else if (!has_capabilities(step->a, step->c, context->identity.uid)) wrong = "capabilities";
  else if (syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != (step->b ? 1 : 0)) wrong = "no new privileges";
  else if (syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) wrong = "system call filter";
  if (!wrong) return 0;
  ci_say(context, wrong);
  errno = EPROTO;
  return -1;
}

int ci_rights_step(struct ci_context *context, const struct ci_step *step) {
  switch (step->operation) {
  case CI_BOUNDING: return drop_bounding(step->a);
  case CI_NO_NEW_PRIVS: return (int)syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  case CI_FILTER: return install_filter(context, step);
  case CI_GROUPS: return (int)syscall(SYS_setgroups, context->identity.group_count, context->identity.groups);
  case CI_USER: return become(&context->identity, step->a != 0 && context->identity.uid != 0);
  case CI_CAPABILITIES:
    // A user who keeps nothing has lost all with the change, and capset would be refused.
    if (context->identity.uid == 0) return set_capabilities(step->a, 0);
    return step->b == 0 ? 0 : set_capabilities(step->b, step->b);
  case CI_VERIFY: return verify(context, step);
  default: errno = ENOSYS; return -1;
  }
}
