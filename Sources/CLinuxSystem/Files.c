#define _GNU_SOURCE
#include "CLinuxSystem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

const int LS_O_PATH = O_PATH;

int ls_open(int directory, const char *path, int flags, unsigned mode) { return openat(directory, path, flags, mode); }

int ls_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int ls_dup_cloexec(int fd, int least) { return fcntl(fd, F_DUPFD_CLOEXEC, least); }

int ls_set_cloexec(int fd, int on) { return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0); }

int ls_set_nonblocking(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  if (flags == -1) return -1;
  return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int ls_memfd(const char *name, int sealable) {
  return memfd_create(name, MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0));
}

int ls_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int ls_ioctl_int(int fd, unsigned long request, int *value) { return ioctl(fd, request, value); }

int ls_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int ls_inotify_watch(int fd, const char *path, uint32_t mask) { return inotify_add_watch(fd, path, mask); }

int ls_getrandom(void *bytes, size_t count) {
  // Up to 256 bytes come whole or not at all; random(7).
  ssize_t got = getrandom(bytes, count, 0);
  if (got >= 0 && (size_t)got != count) {
    errno = EIO;
    return -1;
  }
  return got < 0 ? -1 : 0;
}

int ls_list(int directory, void *context, int (*visit)(void *, const char *, unsigned char)) {
  // A new description: the position in a directory belongs to it, and the caller's may be shared.
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1) return -1;
  DIR *stream = fdopendir(fd);
  if (stream == NULL) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  int result = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(stream);
    if (entry == NULL) {
      result = errno == 0 ? 0 : -1;
      break;
    }
    const char *name = entry->d_name;
    if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
    if (visit(context, name, entry->d_type) != 0) break;
  }
  int saved = errno;
  closedir(stream);
  errno = saved;
  return result;
}

void ls_device(uint64_t device, uint32_t *major_out, uint32_t *minor_out) {
  *major_out = major(device);
  *minor_out = minor(device);
}

int ls_mkdirat(int directory, const char *path, unsigned mode) { return mkdirat(directory, path, mode); }

int ls_set_attribute(const char *path, const char *name, const void *value, size_t size) {
  return setxattr(path, name, value, size, 0);
}

ssize_t ls_get_attribute(const char *path, const char *name, void *value, size_t size) {
  return getxattr(path, name, value, size);
}
