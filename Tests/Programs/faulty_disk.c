/*
 * A faulty disk for the files of a daemon's database: preloaded (ld.so(8)), it stands between a program and the C
 * library, and lets the calls that its control says fail with the errno that it says, or hang. SQLite meets it as it
 * would meet the kernel's own answer, so its own reading of each errno is under test as well.
 *
 * FAULTY_DISK_FOLDER  the files that are meant begin with this path
 * FAULTY_DISK_CONTROL a file of four 32-bit words, mapped: operations, files, errno, calls that failed. It may change
 *                     at any moment; the operations are written last.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, TRUNCATE = 16, MAP = 32, HANG = 1 << 30 };
enum { DATABASE = 1, LOG = 2, INDEX = 4, OTHER = 8 };

struct control {
  _Atomic uint32_t operations, files, number, hits;
};

static struct control *control;
static const char *folder;
static size_t folder_length;
/* What each descriptor is open on: one of the files above, or none. */
static _Atomic uint8_t kinds[65536];

#define REAL(name) ((__typeof__(name) *)real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTY_DISK_CONTROL");
  folder = getenv("FAULTY_DISK_FOLDER");
  if (path == NULL || folder == NULL) return;
  folder_length = strlen(folder);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = (void *)syscall(SYS_mmap, NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (mapped != MAP_FAILED) control = mapped;
}

static int ends_with(const char *path, const char *end) {
  size_t length = strlen(path), tail = strlen(end);
  return length >= tail && strcmp(path + length - tail, end) == 0;
}

static uint8_t kind_of(const char *path) {
  if (control == NULL || strncmp(path, folder, folder_length) != 0) return 0;
  if (ends_with(path, ".db")) return DATABASE;
  if (ends_with(path, ".db-wal")) return LOG;
  if (ends_with(path, ".db-shm")) return INDEX;
  return OTHER;
}

static uint8_t kind(int fd) { return fd >= 0 && fd < 65536 ? kinds[fd] : 0; }

/* Whether this call fails; errno is set then. One that hangs goes on when the control no longer says so. */
static int fails(uint8_t file, uint32_t operation) {
  if (file == 0 || control == NULL) return 0;
  for (int first = 1;; first = 0) {
    uint32_t operations = control->operations;
    if (!(operations & operation) || !(control->files & file)) return 0;
    if (first) control->hits++;
    if (!(operations & HANG)) break;
    nanosleep(&(struct timespec){0, 5000000}, NULL);
  }
  errno = (int)control->number;
  return 1;
}

static int opened(int fd, uint8_t file) {
  if (fd >= 0 && fd < 65536) kinds[fd] = file;
  return fd;
}

#define OPENING(name, ...)                                                                                             \
  mode_t mode = 0;                                                                                                     \
  if (flags & (O_CREAT | __O_TMPFILE)) {                                                                               \
    va_list list;                                                                                                      \
    va_start(list, flags);                                                                                             \
    mode = va_arg(list, mode_t);                                                                                       \
    va_end(list);                                                                                                      \
  }                                                                                                                    \
  uint8_t file = kind_of(path);                                                                                        \
  /* A file system that became read-only still lets files be read. */                                                  \
  int spared = control != NULL && control->number == EROFS && (flags & O_ACCMODE) == O_RDONLY;                         \
  if (!spared && fails(file, OPEN)) return -1;                                                                         \
  return opened(REAL(name)(__VA_ARGS__), file);

int open(const char *path, int flags, ...) { OPENING(open, path, flags, mode) }
int open64(const char *path, int flags, ...) { OPENING(open64, path, flags, mode) }
int openat(int at, const char *path, int flags, ...) { OPENING(openat, at, path, flags, mode) }
int openat64(int at, const char *path, int flags, ...) { OPENING(openat64, at, path, flags, mode) }

int close(int fd) {
  if (fd >= 0 && fd < 65536) kinds[fd] = 0;
  return REAL(close)(fd);
}

ssize_t read(int fd, void *bytes, size_t count) {
  return fails(kind(fd), READ) ? -1 : REAL(read)(fd, bytes, count);
}
ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
  return fails(kind(fd), READ) ? -1 : REAL(pread)(fd, bytes, count, at);
}
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
  return fails(kind(fd), READ) ? -1 : REAL(pread64)(fd, bytes, count, at);
}
ssize_t write(int fd, const void *bytes, size_t count) {
  return fails(kind(fd), WRITE) ? -1 : REAL(write)(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  return fails(kind(fd), WRITE) ? -1 : REAL(pwrite)(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return fails(kind(fd), WRITE) ? -1 : REAL(pwrite64)(fd, bytes, count, at);
}
int fsync(int fd) { return fails(kind(fd), SYNC) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(kind(fd), SYNC) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return fails(kind(fd), TRUNCATE) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return fails(kind(fd), TRUNCATE) ? -1 : REAL(ftruncate64)(fd, size); }
void *mmap(void *at, size_t count, int protection, int flags, int fd, off_t offset) {
  return fails(kind(fd), MAP) ? MAP_FAILED : REAL(mmap)(at, count, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t count, int protection, int flags, int fd, off64_t offset) {
  return fails(kind(fd), MAP) ? MAP_FAILED : REAL(mmap64)(at, count, protection, flags, fd, offset);
}
