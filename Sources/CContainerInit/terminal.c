// The guest's console: a pseudoterminal of the guest's own devpts.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNIX98_SLAVE_FIRST = 136, UNIX98_SLAVE_LAST = 143, PTMX_MAJOR = 5, PTMX_MINOR = 2 };

/// Nothing between the mount we made and this descriptor may have been swapped (CVE-2025-52565): it is on devpts, and a
/// terminal.
static int is_terminal(int fd, int slave) {
  struct statfs filesystem;
  struct stat info;
  if (syscall(SYS_fstatfs, fd, &filesystem) == -1) return -1;
  if (syscall(SYS_fstat, fd, &info) == -1) return -1;
  // The numbers of a device as the kernel encodes them; the C library's major and minor are functions.
  unsigned first = (unsigned)(info.st_rdev >> 8 & 0xfff);
  unsigned second = (unsigned)(info.st_rdev & 0xff) | (unsigned)(info.st_rdev >> 12 & 0xfff00);
  int right = S_ISCHR(info.st_mode) && filesystem.f_type == DEVPTS_SUPER_MAGIC &&
              (slave ? first >= UNIX98_SLAVE_FIRST && first <= UNIX98_SLAVE_LAST
                     : first == PTMX_MAJOR && second == PTMX_MINOR);
  if (!right) errno = ENOTTY;
  return right ? 0 : -1;
}

int ci_terminal_step(struct ci_context *context, const struct ci_step *step) {
  int devpts = ci_resolve(context, step->fd);
  int at = ci_resolve(context, step->at);
  int master = (int)syscall(SYS_openat, devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (master == -1 || is_terminal(master, 0) == -1) return -1;
  int unlocked = 0;
  if (syscall(SYS_ioctl, master, TIOCSPTLCK, &unlocked) == -1) return -1;
  // The other side by descriptor: no name in between.
  int slave = (int)syscall(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave == -1 || is_terminal(slave, 1) == -1) return -1;
  if (syscall(SYS_fchown, slave, context->identity.uid, (unsigned)step->b) == -1) return -1;
  // Others may write: /dev/stdout leads here, and a program that changed its user opens it anew. Reading is the owner's.
  if (syscall(SYS_fchmod, slave, 0622) == -1) return -1;
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  if (syscall(SYS_ioctl, master, TIOCSWINSZ, &size) == -1) return -1;

  struct ci_message message = {.kind = CI_MESSAGE_TERMINAL};
  if (ci_send(context->plan->socket, &message, master) == -1) return -1;
  syscall(SYS_close, master);

  int mount = (int)syscall(SYS_open_tree, devpts, "0", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (mount == -1) return -1;
  struct ci_step onto = {.operation = CI_ATTACH, .fd = mount, .at = at, .text = step->text};
  if (ci_mount_step(context, &onto) == -1) return -1;
  syscall(SYS_close, mount);

  if (syscall(SYS_ioctl, slave, TIOCSCTTY, 0) == -1) return -1;
  for (int fd = 0; fd < 3; fd++)
    if (syscall(SYS_dup3, slave, fd, 0) == -1) return -1;
  syscall(SYS_close, slave);
  return 0;
}
