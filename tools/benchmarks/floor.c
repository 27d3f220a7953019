#define _GNU_SOURCE
#include "floor.h"
#include "stats.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(const char *tree, const char *path, const char *argument, int report)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount(tree, tree, NULL, MS_BIND | MS_REC, NULL) ||
        chdir(tree) || mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
        mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755") || syscall(SYS_pivot_root, ".", ".") ||
        umount2(".", MNT_DETACH) || chdir("/") || sethostname("floor", 5))
        goto failed;
    char *argv[] = {(char *)path, (char *)argument, NULL};
    char *envp[] = {"PATH=/bin", NULL};
    execve(path, argv, envp);
failed:
    write(report, &errno, sizeof errno);
    _exit(127);
}

struct floor_guest floor_start(const char *tree, const char *path, const char *argument)
{
    struct floor_guest guest;
    int report[2], failure;
    if (pipe2(report, O_CLOEXEC)) die("pipe");
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
                 CLONE_NEWCGROUP,
        .pidfd = (uint64_t)(uintptr_t)&guest.pidfd,
        .exit_signal = SIGCHLD,
    };
    guest.pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (guest.pid == 0) child(tree, path, argument, report[1]);
    if (guest.pid < 0) die("clone3");
    close(report[1]);
    if (read(report[0], &failure, sizeof failure) == sizeof failure) {
        errno = failure;
        die("start the floor's guest");
    }
    close(report[0]);
    return guest;
}

static void reap(struct floor_guest guest)
{
    if (waitpid(guest.pid, NULL, 0) < 0) die("waitpid");
    close(guest.pidfd);
}

void floor_kill(struct floor_guest guest)
{
    if (kill(guest.pid, SIGKILL)) die("kill");
    reap(guest);
}

double floor_end(struct floor_guest guest)
{
    struct pollfd poll_pidfd = {.fd = guest.pidfd, .events = POLLIN};
    uint64_t begin = now_ns();
    if (kill(guest.pid, SIGKILL)) die("kill");
    if (poll(&poll_pidfd, 1, -1) != 1) die("poll");
    uint64_t end = now_ns();
    reap(guest);
    return (double)(end - begin);
}

double whole_command(char *const argv[])
{
    int status;
    uint64_t begin = now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) die(argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        errno = ECHILD;
        die(argv[0]);
    }
    return (double)(now_ns() - begin);
}
