// Init: looked up and executed so that what the kernel runs is what was looked at.
//
// The kernel follows every link when it executes a path, the magic ones of procfs too, and for those the walls of a guest
// do not count: until init is executed, /proc/self/exe is the controller's own program (CVE-2019-5736). So the path is
// walked here, with the rights of init's user, as far as the folder that holds the program. That folder is kept open, and
// the program is executed by its name in it, which may be no link. What else the kernel would open by a path is done or
// looked at here as well: the interpreter of a script is executed in its place, the loader of a program is looked up.
#define _GNU_SOURCE
#include "child.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  MOST_LINKS = 40,       // as path_resolution(7)
  SCRIPT_START = 256,    // as much of a script as the kernel looks at (BINPRM_BUF_SIZE)
  MOST_LOADER = 4096,    // PATH_MAX; load_elf_binary in fs/binfmt_elf.c
  MOST_HEADERS = 65536,  // bytes of program headers; load_elf_phdrs there
};

static int open_plainly(int at, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

int ci_open_plainly(const char *path, uint64_t flags) { return open_plainly(AT_FDCWD, path, flags, 0); }

static void close_keeping_errno(int fd) {
  int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
}

/// Copies text behind `at`; the new end, or 0 with ENAMETOOLONG.
static size_t put(char *path, size_t at, const char *text, size_t length) {
  if (length >= CI_PATH_SIZE - at) {
    errno = ENAMETOOLONG;
    return 0;
  }
  for (size_t i = 0; i < length; i++) path[at + i] = text[i];
  path[at + length] = 0;
  return at + length;
}

static size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

/// The folder that holds what `given` leads to, as a descriptor, and the name there in `program->name`.
static int find(const char *given, struct ci_program *program) {
  char *path = program->path;
  if (length_of(given) == 0) {
    errno = ENOENT;
    return -1;
  }
  if (put(path, 0, given, length_of(given)) == 0) return -1;
  // All of it first: a magic link is a link that this refuses. Further down links are followed by their text, which leads
  // nowhere but to a name in the guest.
  int whole = ci_open_plainly(path, O_PATH);
  if (whole == -1) return -1;
  syscall(SYS_close, whole);
  for (int links = 0; links <= MOST_LINKS; links++) {
    size_t name = 0;
    for (size_t i = 0; path[i]; i++)
      if (path[i] == '/') name = i + 1;
    const char *last = path + name;
    // A name that stands for a folder.
    if (last[0] == 0 || (last[0] == '.' && (last[1] == 0 || (last[1] == '.' && last[2] == 0)))) {
      errno = EACCES;
      return -1;
    }
    char first = path[name];
    path[name] = 0;
    int folder = ci_open_plainly(name == 0 ? "." : path, O_PATH | O_DIRECTORY);
    path[name] = first;
    if (folder == -1) return -1;
    char target[CI_PATH_SIZE];
    long got = syscall(SYS_readlinkat, folder, last, target, sizeof target - 1);
    if (got == -1 && errno == EINVAL) {
      program->folder = folder;
      program->name = last;
      return 0;
    }
    close_keeping_errno(folder);
    if (got == -1) return -1;
    target[got] = 0;
    if (put(path, target[0] == '/' ? 0 : name, target, (size_t)got) == 0) return -1;
  }
  errno = ELOOP;
  return -1;
}

static int is_blank(char byte) { return byte == ' ' || byte == '\t'; }

/// The interpreter of a script and its one argument (or NULL), in place; as load_script in fs/binfmt_script.c.
static int read_script(char *start, char **interpreter, char **argument) {
  char *end = start + SCRIPT_START - 1, *line = start + 2, *newline = NULL;
  for (char *at = line; at <= end && !newline; at++)
    if (*at == '\n') newline = at;
  if (!newline) {
    char *word = line;
    while (word < end && is_blank(*word)) word++;
    while (word < end && *word && !is_blank(*word)) word++;
    // Cut off in the middle of its name.
    if (word == end) goto unknown;
    newline = end;
  }
  while (newline > line && is_blank(newline[-1])) newline--;
  while (line < newline && is_blank(*line)) line++;
  if (line == newline || *line == 0) goto unknown;
  *newline = 0;
  *interpreter = line;
  *argument = NULL;
  while (*line && !is_blank(*line)) line++;
  if (*line) {
    *line++ = 0;
    while (is_blank(*line)) line++;
    if (*line) *argument = line;
  }
  return 0;
unknown:
  errno = ENOEXEC;
  return -1;
}

/// The kernel opens a program's loader by its path as well.
static int check_loader(int file, const char *start) {
  union {
    Elf64_Ehdr wide;
    Elf32_Ehdr narrow;
  } header;
  for (size_t i = 0; i < sizeof header; i++) ((char *)&header)[i] = start[i];
  int wide = header.wide.e_ident[EI_CLASS] == ELFCLASS64;
  uint64_t offset = wide ? header.wide.e_phoff : header.narrow.e_phoff;
  size_t count = wide ? header.wide.e_phnum : header.narrow.e_phnum;
  size_t size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  // The kernel refuses others.
  if ((wide ? header.wide.e_phentsize : header.narrow.e_phentsize) != size || count * size > MOST_HEADERS) return 0;
  for (size_t i = 0; i < count; i++) {
    union {
      Elf64_Phdr wide;
      Elf32_Phdr narrow;
    } segment;
    if (syscall(SYS_pread64, file, &segment, size, offset + i * size) != (long)size) return 0;
    if ((wide ? segment.wide.p_type : segment.narrow.p_type) != PT_INTERP) continue;
    uint64_t at = wide ? segment.wide.p_offset : segment.narrow.p_offset;
    uint64_t length = wide ? segment.wide.p_filesz : segment.narrow.p_filesz;
    char loader[MOST_LOADER];
    if (length < 2 || length > sizeof loader) return 0;
    if (syscall(SYS_pread64, file, loader, length, at) != (long)length || loader[length - 1] != 0) return 0;
    int found = ci_open_plainly(loader, O_PATH);
    if (found >= 0) syscall(SYS_close, found);
    // Of every other reason the kernel itself will say it.
    return found == -1 && errno == ELOOP ? -1 : 0;
  }
  return 0;
}

/// What the program begins with, zeros behind its end. It has to be readable: the kernel would execute one that is not, and
/// nothing could be said of its loader.
static int look_at(struct ci_program *program, char *start) {
  int file = open_plainly(program->folder, program->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_NO_SYMLINKS);
  if (file == -1) return -1;
  struct stat info;
  int result = (int)syscall(SYS_fstat, file, &info);
  if (result == 0 && !S_ISREG(info.st_mode)) {
    errno = EACCES;
    result = -1;
  }
  for (size_t i = 0; i < SCRIPT_START; i++) start[i] = 0;
  if (result == 0 && syscall(SYS_pread64, file, start, SCRIPT_START, 0) == -1) result = -1;
  if (result == 0 && start[0] == ELFMAG0 && start[1] == ELFMAG1 && start[2] == ELFMAG2 && start[3] == ELFMAG3)
    result = check_loader(file, start);
  close_keeping_errno(file);
  return result;
}

int ci_find_init(struct ci_context *context) {
  // Written to as scripts are: the words of an interpreter's line stay where they were read.
  static char starts[CI_INTERPRETERS_MAX + 1][SCRIPT_START];
  struct ci_program *program = &context->program;
  const char *path = context->plan->path;
  program->argv = context->plan->argv;
  for (int depth = 0;; depth++) {
    if (find(path, program) == -1) return -1;
    char *start = starts[depth], *interpreter, *argument;
    if (look_at(program, start) == -1) return -1;
    if (start[0] != '#' || start[1] != '!') return 0;
    // The kernel executes the interpreter, so it would not ask whether the script may be executed: its mode, its mount.
    if (syscall(SYS_faccessat2, program->folder, program->name, X_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) == -1) {
      close_keeping_errno(program->folder);
      return -1;
    }
    syscall(SYS_close, program->folder);
    if (depth == CI_INTERPRETERS_MAX) {
      errno = ELOOP;
      return -1;
    }
    if (read_script(start, &interpreter, &argument) == -1) return -1;
    program->argv[0] = (char *)path;
    if (argument) *--program->argv = argument;
    *--program->argv = interpreter;
    path = interpreter;
  }
}

void ci_execute(const struct ci_context *context) {
  const struct ci_program *program = &context->program;
  char *const *envp = context->plan->envp;
  syscall(SYS_execveat, program->folder, program->name, program->argv, envp, AT_SYMLINK_NOFOLLOW);
  if (errno != ENOENT) return;
  // A program of another architecture, by an interpreter of the host's (binfmt_misc): that opens it by /dev/fd, and the
  // kernel refuses where this would be closed by then. The folder is one of the guest's own.
  syscall(SYS_fcntl, program->folder, F_SETFD, 0);
  syscall(SYS_execveat, program->folder, program->name, program->argv, envp, AT_SYMLINK_NOFOLLOW);
}
