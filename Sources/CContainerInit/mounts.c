// The child's mounts: by descriptor from end to end, so that no path is looked up twice and none leads out.
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNMOUNT_DETACH = 2, MOUNT_PRIVATE = 1 << 18, MOUNT_RECURSIVE = 1 << 14, EMPTY_PATH = 0x1000, RECURSIVE = 0x8000 };
/// In f_flags of statfs(2).
enum { STATFS_READ_ONLY = 1 };

static void close_keeping_errno(int fd) {
  int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
}

int ci_raw_mount_attributes(int fd, const char *path, unsigned flags, uint64_t attributes) {
  struct mount_attr change = {.attr_set = attributes};
  return (int)syscall(SYS_mount_setattr, fd, path, flags, &change, sizeof change);
}

int ci_clone_mount(int directory, const char *path, int recursive, uint64_t attributes) {
  unsigned empty = path[0] == 0 ? EMPTY_PATH : 0;
  unsigned deep = recursive ? RECURSIVE : 0;
  int fd = (int)syscall(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | empty | deep);
  if (fd == -1) return -1;
  // A copy stays in the peer group of what it is a copy of (mount_namespaces(7)), and the host's mounts are shared wherever
  // systemd runs: what is mounted in one would show up in the other, and pivot_root(2) refuses such a root. A single copy
  // without attributes is of a mount that was made here.
  struct mount_attr change = {.attr_set = attributes, .propagation = MOUNT_PRIVATE};
  if ((deep || attributes != 0) && syscall(SYS_mount_setattr, fd, "", EMPTY_PATH | deep, &change, sizeof change) == -1) {
    close_keeping_errno(fd);
    return -1;
  }
  return fd;
}

/// Opens a path inside the guest's root without a way out: no magic links (/proc/PID/fd, exe, root ...).
static int open_inside(int at, const char *path, int no_symlinks, uint64_t flags) {
  struct open_how how = {
      .flags = O_PATH | O_CLOEXEC | flags,
      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (no_symlinks ? RESOLVE_NO_SYMLINKS : 0)};
  return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

static int make_at(int parent, const char *name, int folder) {
  if (folder) return (int)syscall(SYS_mkdirat, parent, name, 0755);
  int fd = (int)syscall(SYS_openat, parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd == -1) return -1;
  syscall(SYS_close, fd);
  return 0;
}

/// Makes what is missing of a path, one part at a time. Each part is made in a folder opened inside the root.
static int make_inside(int at, const char *path, int no_symlinks, int last_is_folder) {
  char prefix[4096];
  size_t end = 0, name = 0;
  for (;;) {
    while (path[end] == '/') {
      prefix[end] = '/';
      end++;
    }
    if (path[end] == 0) return 0;
    name = end;
    while (path[end] != 0 && path[end] != '/') {
      if (end + 1 >= sizeof prefix) {
        errno = ENAMETOOLONG;
        return -1;
      }
      prefix[end] = path[end];
      end++;
    }
    prefix[end] = 0;
    size_t after = end;
    while (path[after] == '/') after++;
    int last = path[after] == 0;
    int fd = open_inside(at, prefix, no_symlinks, 0);
    if (fd >= 0) {
      syscall(SYS_close, fd);
      continue;
    }
    if (errno != ENOENT) return -1;
    char kept = prefix[name];
    prefix[name] = 0;
    int parent = open_inside(at, name == 0 ? "." : prefix, no_symlinks, O_DIRECTORY);
    prefix[name] = kept;
    if (parent == -1) return -1;
    int made = make_at(parent, prefix + name, last ? last_is_folder : 1);
    close_keeping_errno(parent);
    if (made == -1 && errno != EEXIST) return -1;
  }
}

static int move_onto(int mount, int target) {
  return (int)syscall(
      SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int is_folder(const struct stat *info) { return S_ISDIR(info->st_mode); }

/// Gives the folder of `mount` mode and owner of what it covers.
static int take_appearance(int mount, const struct stat *covered) {
  // By a descriptor that is open for more than its name: fsmount(2) gives only that.
  int folder = (int)syscall(SYS_openat, mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder == -1) return -1;
  int result = (int)syscall(SYS_fchown, folder, covered->st_uid, covered->st_gid);
  if (result == 0) result = (int)syscall(SYS_fchmod, folder, covered->st_mode & 07777);
  close_keeping_errno(folder);
  return result;
}

static int attach(int mount, int at, const char *path, uint64_t flags, uint64_t attributes) {
  if (path[0] == 0) return move_onto(mount, at);
  int no_symlinks = (flags & CI_ATTACH_NO_SYMLINKS) != 0;
  int target = open_inside(at, path, no_symlinks, 0);
  int was_there = target >= 0;
  if (target == -1 && errno == ENOENT && flags & (CI_ATTACH_MAKE_FOLDER | CI_ATTACH_MAKE_FILE)) {
    if (make_inside(at, path, no_symlinks, (flags & CI_ATTACH_MAKE_FOLDER) != 0) == -1) return -1;
    target = open_inside(at, path, no_symlinks, 0);
  }
  if (target == -1) return -1;
  int result = 0;
  struct statfs kind;
  if (flags & CI_ATTACH_NOT_PROC) {
    result = (int)syscall(SYS_fstatfs, target, &kind);
    if (result == 0 && kind.f_type == PROC_SUPER_MAGIC) {
      errno = EPERM;
      result = -1;
    }
  }
  struct stat covered, covering;
  if (result == 0) result = (int)syscall(SYS_fstat, target, &covered);
  if (result == 0) result = (int)syscall(SYS_fstat, mount, &covering);
  if (result == 0 && is_folder(&covered) != is_folder(&covering)) {
    // move_mount(2) says EINVAL, as it does for much else.
    errno = is_folder(&covering) ? ENOTDIR : EISDIR;
    result = -1;
  }
  if (result == 0 && flags & CI_ATTACH_AS_COVERED && was_there) result = take_appearance(mount, &covered);
  if (result == 0 && attributes != 0) result = ci_raw_mount_attributes(mount, "", EMPTY_PATH, attributes);
  if (result == 0) result = move_onto(mount, target);
  close_keeping_errno(target);
  return result;
}

/// With the mode as it says, whatever the umask.
static int make_device(int at, const char *name, uint64_t major, uint64_t minor) {
  uint64_t number = (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffull) << 12;
  if (syscall(SYS_mknodat, at, name, S_IFCHR | 0600, number) == -1) return -1;
  return (int)syscall(SYS_fchmodat, at, name, 0666);
}

/// The new mount interface gives the reason in words, which is read before the context is closed; fsopen(2).
static void read_reason(struct ci_context *context, int fs) {
  int saved = errno;
  long got = syscall(SYS_read, fs, context->text, sizeof context->text - 1);
  context->text[got > 0 ? got : 0] = 0;
  errno = saved;
}

static int create_mount(struct ci_context *context, const struct ci_step *step) {
  int fs = (int)syscall(SYS_fsopen, step->text, FSOPEN_CLOEXEC);
  if (fs == -1) return -1;
  int mount = -1;
  for (size_t i = 0; i < step->option_count; i++) {
    const struct ci_option *option = &step->options[i];
    unsigned kind = option->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (syscall(SYS_fsconfig, fs, kind, option->key, option->value, 0) == -1) goto failed;
  }
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1) goto failed;
  mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, step->a);
  if (mount == -1) goto failed;
  syscall(SYS_close, fs);
  context->slots[step->slot] = mount;
  return 0;
failed:
  read_reason(context, fs);
  close_keeping_errno(fs);
  return -1;
}

static int pivot(int root) {
  if (syscall(SYS_fchdir, root) == -1) return -1;
  // Both names the same: the old root is stacked on the new one and comes off it without a folder for it; pivot_root(2).
  if (syscall(SYS_pivot_root, ".", ".") == -1) return -1;
  if (syscall(SYS_umount2, ".", UNMOUNT_DETACH) == -1) return -1;
  return (int)syscall(SYS_chdir, "/");
}

/// Something in /proc or /sys: not every kernel has each of them, and what is missing needs no protection.
static int open_existing(int at, const char *path) {
  struct open_how how = {
      .flags = O_PATH | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
  return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

static int mask(int source, int at, const char *path) {
  int target = open_existing(at, path);
  if (target == -1) return errno == ENOENT ? 0 : -1;
  int copy = ci_clone_mount(source, "", 0, 0);
  // Before Linux 6.15 a mount that is attached nowhere yet cannot be copied (open_tree(2)): then the first cover is the
  // mount itself, and the others are copies of it.
  int result = copy >= 0 ? move_onto(copy, target) : errno == EINVAL ? move_onto(source, target) : -1;
  if (copy >= 0) close_keeping_errno(copy);
  close_keeping_errno(target);
  return result;
}

/// Puts a mount over `name` in `at`, a folder of procfs with nothing mounted on it: names there are the kernel's own.
static int put_over(int mount, int at, const char *name) {
  return (int)syscall(SYS_move_mount, mount, "", at, name, MOVE_MOUNT_F_EMPTY_PATH);
}

static int is_named(const struct ci_step *step, const char *name) {
  for (size_t i = 0; i < step->option_count; i++) {
    const char *key = step->options[i].key;
    size_t at = 0;
    while (key[at] && key[at] == name[at]) at++;
    if (key[at] == name[at]) return 1;
  }
  return 0;
}

/// The kernel's own form of an entry (getdents64(2)).
struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

enum { ENTRY_FOLDER = 4, ENTRY_LINK = 10 };

static int cover_entry(struct ci_context *context, const struct ci_step *step, int proc, const struct entry *entry) {
  const char *name = entry->name;
  if (name[0] == '.' || (name[0] >= '0' && name[0] <= '9') || entry->type == ENTRY_LINK) return 0;
  if (is_named(step, name))
    return mask(entry->type == ENTRY_FOLDER ? context->slots[step->slot] : ci_resolve(context, step->fd), proc, name);
  int copy = (int)syscall(
      SYS_open_tree, proc, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  if (copy == -1) return -1;
  int result = put_over(copy, proc, name);
  close_keeping_errno(copy);
  return result;
}

/// A copy takes over the attributes of what it is a copy of, so the mount of procfs is read-only as long as copies are made.
static int cover_entries(struct ci_context *context, const struct ci_step *step) {
  int proc = ci_resolve(context, step->at);
  struct statfs now;
  if (syscall(SYS_fstatfs, proc, &now) == -1) return -1;
  if (now.f_type != PROC_SUPER_MAGIC || !(now.f_flags & STATFS_READ_ONLY)) {
    errno = EPROTO;
    return -1;
  }
  int folder = (int)syscall(SYS_openat, proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder == -1) return -1;
  _Alignas(8) char room[8192];
  long got, result = 0;
  while (result == 0 && (got = syscall(SYS_getdents64, folder, room, sizeof room)) != 0) {
    if (got == -1) result = -1;
    for (long at = 0; result == 0 && at < got;) {
      const struct entry *entry = (const struct entry *)(room + at);
      result = cover_entry(context, step, proc, entry);
      if (result == -1) ci_say(context, entry->name);
      at += entry->length;
    }
  }
  close_keeping_errno(folder);
  if (result == -1) return -1;
  struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
  return (int)syscall(SYS_mount_setattr, proc, "", EMPTY_PATH, &writable, sizeof writable);
}

int ci_mount_step(struct ci_context *context, const struct ci_step *step) {
  int fd = ci_resolve(context, step->fd);
  int at = ci_resolve(context, step->at);
  switch (step->operation) {
  case CI_PRIVATE: return (int)syscall(SYS_mount, NULL, "/", NULL, MOUNT_RECURSIVE | MOUNT_PRIVATE, NULL);
  case CI_CREATE_MOUNT: return create_mount(context, step);
  case CI_CLONE_MOUNT: {
    int mount = ci_clone_mount(fd, step->text, step->b != 0, step->a);
    if (mount == -1) return -1;
    context->slots[step->slot] = mount;
    return 0;
  }
  case CI_ATTACH: return attach(fd, at, step->text, step->a, step->b);
  case CI_CHANGE_FOLDER: return (int)syscall(SYS_fchdir, fd);
  case CI_PIVOT: {
    int result = pivot(fd);
    if (result == 0) context->has_root = 1;
    return result;
  }
  case CI_MAKE_FOLDER: return (int)syscall(SYS_mkdirat, at, step->text, step->a);
  case CI_MAKE_FILE: return make_at(at, step->text, 0);
  case CI_MAKE_DEVICE: return make_device(at, step->text, step->a, step->b);
  case CI_MAKE_LINK: return (int)syscall(SYS_symlinkat, step->value, at, step->text);
  case CI_MASK: return mask(fd, at, step->text);
  case CI_COVER: return cover_entries(context, step);
  default: errno = ENOSYS; return -1;
  }
}
