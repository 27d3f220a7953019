/*
 * The floor: the least that starting a guest can cost. A process in new PID, mount, UTS, IPC, network and cgroup
 * namespaces, /proc and a tmpfs mounted, pivoted onto the tree, its init executed. No cgroup, console, log or record.
 */
#ifndef FLOOR_H
#define FLOOR_H
#include <sys/types.h>

struct floor_guest {
    pid_t pid;
    int pidfd;
};

/* Returns when `path` was executed with the one argument `argument`. */
struct floor_guest floor_start(const char *tree, const char *path, const char *argument);
/* Kills it and returns when it is reaped. */
void floor_kill(struct floor_guest guest);
/* Kills it, and returns the nanoseconds until its end was seen on the pidfd. */
double floor_end(struct floor_guest guest);
/* fork, execve, wait of a whole command, its output thrown away: nanoseconds. */
double whole_command(char *const argv[]);
#endif
