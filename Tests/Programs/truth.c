// The guest of the truth rig: says what it is about to do in a file that the host sees too, then ends in that way. One
// static program, the init of its guest; what it does is in a file beside the marks, so that one guest serves all runs.
//
// The file is one line: a token, then words. A mark is a line: its text, the time in nanoseconds since 1970, and the
// processor time used so far in microseconds. Each mark is printed, too, behind the token.
//
// build: cc -static -O1 -o truth truth.c
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *token = "";

static long long processor_time(int who) {
  struct rusage used;
  getrusage(who, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void mark(const char *file, const char *text) {
  char line[160];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int size = snprintf(line, sizeof line, "%s\t%lld\t%lld\n", text, now.tv_sec * 1000000000LL + now.tv_nsec,
                      processor_time(RUSAGE_SELF) + processor_time(RUSAGE_CHILDREN));
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd == -1 || write(fd, line, size) == -1) _exit(99);
  close(fd);
}

static void done(const char *text) {
  char line[160];
  mark("/mark/done", text);
  int size = snprintf(line, sizeof line, "%s %s\n", token, text);
  if (write(1, line, size) == -1) _exit(99);
}

static void nap(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&time, &time) == -1 && errno == EINTR) {}
}

// Takes memory until the kernel ends it.
static void eat(void) {
  for (;;) {
    char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) continue;
    for (int i = 0; i < 1 << 20; i += 4096) more[i] = 1;
  }
}

static int eating_child(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) eat();
  waitpid(child, &status, 0);
  return status;
}

static int reboot_raw(unsigned magic1, unsigned magic2, unsigned command) {
  return (int)syscall(SYS_reboot, magic1, magic2, command, NULL);
}

static unsigned command_of(const char *word) {
  if (!strcmp(word, "reboot")) return LINUX_REBOOT_CMD_RESTART;
  if (!strcmp(word, "halt")) return LINUX_REBOOT_CMD_HALT;
  return LINUX_REBOOT_CMD_POWER_OFF;
}

static void fault(const char *word) {
  volatile int zero = 0, hundred = 100;
  if (!strcmp(word, "segv")) *(volatile int *)0 = 1;
  if (!strcmp(word, "fpe")) zero = hundred / zero;
  if (!strcmp(word, "bus")) {
    int fd = open("/tmp/bus", O_RDWR | O_CREAT, 0600);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    zero = *page;
  }
  if (!strcmp(word, "sys")) {
    struct sock_filter kill_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    struct sock_fprog program = {1, kill_all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  }
#if defined(__x86_64__)
  if (!strcmp(word, "ill")) __asm__ volatile("ud2");
  if (!strcmp(word, "trap")) __asm__ volatile("int3");
#endif
  _exit(98);
}

// A child does it first: whether the kernel writes a core dump here is seen, and not supposed.
static void fault_as_seen(const char *word) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) fault(word);
  waitpid(child, &status, 0);
  done(WIFSIGNALED(status) && WCOREDUMP(status) ? "core" : "no core");
  done("fault");
  fault(word);
}

// Blocks all signals and waits for this one. By system call, because the library keeps 32 and 33 to itself.
static int wait_for_signal(int number) {
  unsigned long all = ~0UL, wanted = 1UL << (number - 1);
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
  mark("/mark/ready", "ready");
  for (;;) {
    int got = (int)syscall(SYS_rt_sigtimedwait, &wanted, NULL, NULL, 8);
    if (got == number) return got;
  }
}

// A child that this signal ends, or that it is killed for where the signal only stops it or does nothing.
static void child_dies_of(int number) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    unsigned long none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    syscall(SYS_kill, getpid(), number);
    _exit(0);
  }
  waitpid(child, &status, WUNTRACED);
  if (WIFSTOPPED(status)) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
}

// A process with every right in namespaces of its own, and none in the guest's.
static void reboot_elsewhere(unsigned long namespaces, const char *word) {
  int status = 0;
  pid_t child = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) {
    reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(word));
    _exit(96);
  }
  if (child == -1) return done("elsewhere: refused");
  waitpid(child, &status, 0);
  done(WIFSIGNALED(status) ? "elsewhere: taken there" : "elsewhere: not taken");
}

static const char *on_signal;
static int on_signal_code;

static void heard(int number) {
  (void)number;
  char line[64];
  snprintf(line, sizeof line, "heard %d", number);
  done(line);
  if (!strcmp(on_signal, "exit")) _exit(on_signal_code);
  if (!strcmp(on_signal, "segv")) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)0 = 1;
  }
  if (!strcmp(on_signal, "oom")) eat();
  if (!strcmp(on_signal, "nothing")) return;
  reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(on_signal));
}

int main(void) {
  char text[256] = {0};
  char *words[9] = {"", "", "", "", "", "", "", "", ""}, **word = words;
  mark("/mark/began", "began");
  int fd = open("/mark/arg", O_RDONLY);
  if (fd == -1 || read(fd, text, sizeof text - 1) <= 0) return 97;
  close(fd);
  int count = 0;
  for (char *next = strtok(text, " \n"); next && count < 8; next = strtok(NULL, " \n")) words[count++] = next;
  token = *word++;

  // Waits for the word of the host, then does the rest.
  if (!strcmp(word[0], "gate")) {
    mark("/mark/ready", "ready");
    while (access("/mark/go", F_OK) == -1) nap(2);
    word++;
  }

  if (!strcmp(word[0], "exit")) {
    done("exit");
    _exit(atoi(word[1]));
  }
  if (!strcmp(word[0], "fault")) fault_as_seen(word[1]);
  if (!strcmp(word[0], "core")) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &all);
    if (chdir("/tmp") == -1) return 93;
    fault_as_seen("segv");
  }
  if (!strcmp(word[0], "oom")) {
    done("oom");
    eat();
  }
  // A child is killed for memory, and later this is.
  if (!strcmp(word[0], "oom-twice")) {
    int status = eating_child();
    done(WIFSIGNALED(status) ? "child killed" : "child lived");
    nap(atol(word[1]));
    done("oom");
    eat();
  }
  // A child is killed for memory; then this, with that or another code, at once or later.
  if (!strcmp(word[0], "oom-child")) {
    int status = eating_child();
    done(WIFSIGNALED(status) ? "child killed" : "child lived");
    nap(atol(word[2]));
    _exit(atoi(word[1]));
  }
  if (!strcmp(word[0], "oom-child-wait")) {
    eating_child();
    mark("/mark/ready", "ready");
    for (;;) pause();
  }
  if (!strcmp(word[0], "reboot") || !strcmp(word[0], "halt") || !strcmp(word[0], "poweroff")) {
    done(word[0]);
    // By itself, by a child, or while a process without the right calls it with another command in a loop.
    if (!strcmp(word[1], "child")) {
      if (fork() == 0) reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(word[0]));
      for (;;) pause();
    }
    if (!strcmp(word[1], "noise")) {
      for (int i = 0; i < 2; i++)
        if (fork() == 0) {
          if (setgid(65534) == -1 || setuid(65534) == -1) _exit(96);
          for (;;) reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(word[2]));
        }
      nap(20);
    }
    if (!strcmp(word[1], "userns")) reboot_elsewhere(CLONE_NEWUSER, word[2]);
    if (!strcmp(word[1], "nested")) reboot_elsewhere(CLONE_NEWUSER | CLONE_NEWPID, word[2]);
    if (!strcmp(word[1], "magic"))
      for (int i = 0; i < 20; i++) reboot_raw(LINUX_REBOOT_MAGIC1, 1, command_of(word[2]));
    reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(word[0]));
    _exit(95);
  }
  // A call without the right comes to nothing, and this exits.
  if (!strcmp(word[0], "no-right")) {
    if (setgid(65534) == -1 || setuid(65534) == -1) _exit(96);
    int got = reboot_raw(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command_of(word[1]));
    done(got == -1 && errno == EPERM ? "EPERM" : "taken");
    _exit(atoi(word[2]));
  }
  // A child dies of a signal; this passes it on as shells do.
  if (!strcmp(word[0], "child")) {
    child_dies_of(atoi(word[1]));
    done("exit");
    _exit(128 + atoi(word[1]));
  }
  // Waits for a signal, one of 1 to 64, and exits with this code.
  if (!strcmp(word[0], "wait")) {
    char line[64];
    snprintf(line, sizeof line, "heard %d", wait_for_signal(atoi(word[1])));
    done(line);
    _exit(atoi(word[2]));
  }
  // Waits for a signal, or for all signals, and does this on it.
  if (!strcmp(word[0], "on")) {
    on_signal = word[2];
    on_signal_code = atoi(word[3]);
    struct sigaction action = {.sa_handler = heard};
    if (strcmp(word[1], "none") != 0) sigaction(atoi(word[1]), &action, NULL);
    mark("/mark/ready", "ready");
    for (;;) pause();
  }
  return 94;
}
