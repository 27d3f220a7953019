// The guest of `tools/dev attack walls`: tries to get past each wall, and prints what it got, one line a try.
//
//     NAME<tab>OUTCOME
//
// Also: `walls flood` prints 64 MB without a newline, and `walls cut` cuts what ties it to its maker and waits.
//
// OUTCOME is `refused ERRNO` where the kernel or the engine said no, and says what was got otherwise. Static, without an
// argument, for any engine. It ends nothing but itself and leaves nothing.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

static void row(const char *name, const char *outcome) { printf("%s\t%s\n", name, outcome); }

/// `got` where the call worked.
static void answer(const char *name, long result, const char *got) {
  char text[64];
  snprintf(text, sizeof text, "refused %s", strerrorname_np(errno));
  row(name, result == -1 ? text : got);
}

/// In a child, so that whatever it changes goes with it.
static void apart(void (*attempt)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    attempt();
    fflush(stdout);
    _exit(0);
  }
  if (pid > 0) waitpid(pid, NULL, 0);
}

static int folder(void) {
  static char name[] = "/tmp/wall-XXXXXX";
  static int made;
  if (!made) made = mkdtemp(name) ? 1 : -1;
  return made == 1 && chdir(name) == 0 ? 0 : -1;
}

static void user_namespace(void) { answer("D1 unshare a user namespace", unshare(CLONE_NEWUSER), "a user namespace"); }

static void clone_user_namespace(void) {
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  answer("D1 clone into a user namespace", pid, "a user namespace");
}

static void clone3_user_namespace(void) {
  unsigned long long args[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
  long pid = syscall(SYS_clone3, args, sizeof args);
  if (pid == 0) _exit(0);
  answer("D1 clone3 into a user namespace", pid, "a user namespace");
}

static void mount_groups(void) {
  folder();
  mkdir("m", 0755);
  unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP);
  answer("D1 mount the pids hierarchy", mount("none", "m", "cgroup", 0, "pids"), "a mount");
}

static void mount_unified(void) {
  folder();
  mkdir("m", 0755);
  unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP);
  answer("D1 mount the unified hierarchy", mount("none", "m", "cgroup2", 0, NULL), "a mount");
}

static void groups(void) {
  char line[512];
  int own = 1;
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file && fgets(line, sizeof line, file)) {
    char *path = strchr(line, ':');
    path = path ? strchr(path + 1, ':') : NULL;
    if (!path || strcmp(path + 1, "/\n") != 0) own = 0;
  }
  row("D1 see groups that are not its own", file && own ? "its own in every hierarchy" : "paths of the host");
}

static void raise_limits(void) {
  int fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
  answer("D2 write to its own group", fd, "an open file");
  // Where cgroup v2 is alone, these are the limits; elsewhere they are missing.
  answer("D2 lift its limit of processes", open("/sys/fs/cgroup/pids.max", O_WRONLY), "an open file");
  answer("D2 lift its limit of memory", open("/sys/fs/cgroup/memory.max", O_WRONLY), "an open file");
  answer("D2 make a group below its own", mkdir("/sys/fs/cgroup/lodge-wall", 0755), "a group");
}

static void keys(void) {
  answer("D3 read the keyring of its user", syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_USER_KEYRING, NULL, 0), "a description");
  answer("D3 add a key for its user", syscall(SYS_add_key, "user", "lodge-wall", "x", 1, KEY_SPEC_USER_KEYRING), "a key");
  answer("D3 ask for a key", syscall(SYS_request_key, "user", "lodge-wall", NULL, 0), "a key");
}

static void devices(void) {
  // The kit looks at the host's own afterwards.
  answer("D5 chmod /dev/full", chmod("/dev/full", 0604), "a changed mode");
  answer("D5 chmod what covers /proc/kcore", chmod("/proc/kcore", 0604), "a changed mode");
  answer("D5 chmod /proc/version", chmod("/proc/version", 0440), "a changed mode");
  chmod("/proc/version", 0444);
  answer("D5 chmod /proc/cpuinfo", chmod("/proc/cpuinfo", 0440), "a changed mode");
  chmod("/proc/cpuinfo", 0444);
}

static void death_signal(void) {
  answer("D7 clear the death signal", prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0), "cleared (see the tie)");
}

static void terminals(void) {
  char text[64];
  struct rlimit files = {8192, 8192};
  setrlimit(RLIMIT_NOFILE, &files);
  int count = 0;
  while (count < 5000 && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0) count++;
  int few = count < 300;
  snprintf(text, sizeof text, "%s", few ? "at most 300" : "more than 300");
  row("D8 open terminals", text);
}

static void processes(void) {
  int count = 0;
  static pid_t born[10000];
  while (count < 10000) {
    pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    if (pid == -1) break;
    born[count++] = pid;
  }
  row("D8 make processes", count < 5000 ? "at most 5000" : "more than 5000");
  for (int i = 0; i < count; i++) kill(born[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
}

static void device_node(void) {
  folder();
  // All of the machine's memory, which exists everywhere, and a disk of any.
  if (mknod("mem", S_IFCHR | 0600, makedev(1, 1)) == -1) return answer("make a device node", -1, "");
  answer("make a device node and open it", open("mem", O_RDONLY), "an open device");
  unlink("mem");
}

static void abstract_sockets(void) {
  char line[512];
  int found = 0;
  FILE *file = fopen("/proc/net/unix", "r");
  while (file && fgets(line, sizeof line, file))
    if (strchr(line, '@')) found = 1;
  row("29 see abstract sockets", found ? "some" : "none");
}

static void executable(void) {
  int fd = open("/proc/1/exe", O_WRONLY);
  answer("30 write to the program of process 1", fd, "an open file");
}

static void descriptors(void) {
  int others = 0;
  DIR *files = opendir("/proc/self/fd");
  struct dirent *entry;
  while (files && (entry = readdir(files))) {
    int number = atoi(entry->d_name);
    if (number > 2 && number != dirfd(files)) others++;
  }
  char path[4096];
  long inside = syscall(SYS_getcwd, path, sizeof path);
  row("31 descriptors beside 0 to 2", others ? "some" : "none");
  row("31 a working directory outside", inside > 0 && path[0] == '/' ? "no" : "yes");
}

static void proc_and_sys(void) {
  answer("32 write to /proc/sysrq-trigger", open("/proc/sysrq-trigger", O_WRONLY), "an open file");
  answer("32 write to /proc/sys/kernel/core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY), "an open file");
  char byte;
  int fd = open("/proc/kcore", O_RDONLY);
  row("32 read /proc/kcore", fd >= 0 && read(fd, &byte, 1) == 1 ? "the host's memory" : "nothing");
  fd = open("/proc/keys", O_RDONLY);
  row("32 read /proc/keys", fd >= 0 && read(fd, &byte, 1) == 1 ? "keys of the host" : "nothing");
  answer("32 remount /proc/sys", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL), "a writable /proc/sys");
  answer("32 mount proc anew", mount("proc", "/mnt", "proc", 0, NULL), "a mount");
}

static void kernel(void) {
  answer("load a module", syscall(SYS_init_module, "", 0, ""), "a module");
  answer("load another kernel", syscall(SYS_kexec_load, 0, 0, NULL, 0), "a kernel");
  struct timex clock = {.modes = ADJ_TICK, .tick = 10000};
  answer("set the clock", adjtimex(&clock), "a clock");
  answer("open a file by handle", syscall(SYS_open_by_handle_at, AT_FDCWD, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", O_RDONLY), "a file");
  answer("rename the host", sethostname("wall", 4), "a name");
  answer("mount a memory filesystem", mount("none", "/mnt", "tmpfs", 0, NULL), "a mount");
  answer("run more than the priority allows", setpriority(PRIO_PROCESS, 0, -5), "a priority");
}

/// Colours, a title, an answer that a terminal would type in, NUL and broken UTF-8, over and over.
static int flood(void) {
  static const char noise[] = "\033[31m\033]0;title\007\033[6n\0\xff\xfe#####################################";
  for (size_t sent = 0; sent < (size_t)64 << 20; sent += sizeof noise - 1)
    if (write(1, noise, sizeof noise - 1) == -1) return 1;
  return 7;
}

static int cut(void) {
  if (setresuid(1000, 1000, 1000) == -1 || prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == -1) return 1;
  for (;;) pause();
}

int main(int count, char **values) {
  if (count > 1 && strcmp(values[1], "flood") == 0) return flood();
  if (count > 1 && strcmp(values[1], "cut") == 0) return cut();
  setvbuf(stdout, NULL, _IOLBF, 0);
  void (*attempts[])(void) = {
      user_namespace, clone_user_namespace, clone3_user_namespace, mount_groups, mount_unified, groups, raise_limits,
      keys, devices, death_signal, terminals, processes, device_node, abstract_sockets, executable, descriptors, proc_and_sys, kernel,
  };
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) apart(attempts[i]);
  return 0;
}
