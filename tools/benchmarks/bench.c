/*
 * The measurements. Each alternates with its floor in one loop, because the machine is shared: ratios mean something
 * where times do not. Called by `run` beside this file, which starts the daemon and makes the guests.
 */
#define _GNU_SOURCE
#include "floor.h"
#include "stats.h"
#include "wire.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *argument(int argc, char **argv, int index)
{
    if (index >= argc) {
        fprintf(stderr, "usage: bench start|end SOCKET TREE N | rate SOCKET PREFIX N | rpc SOCKET SECONDS | "
                        "command NAME N PROGRAM [ARGUMENT]...\n");
        exit(64);
    }
    return argv[index];
}

static void pin(pid_t pid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(pid, sizeof set, &set)) die("sched_setaffinity");
}

/* Start call to reply, and then forced stop: the call to its reply. The floor: clone3 to exec; kill to reaped. */
static void start_and_stop(int argc, char **argv)
{
    struct connection *connection = wire_connect(argument(argc, argv, 2));
    const char *tree = argument(argc, argv, 3);
    int rounds = atoi(argument(argc, argv, 4));
    struct samples start = {0}, stop = {0}, floor_starts = {0}, floor_stops = {0};
    wire_hello(connection);
    for (int i = -3; i < rounds; i++) {
        uint64_t t0 = now_ns();
        struct floor_guest guest = floor_start(tree, "/bin/sleep", "1000");
        uint64_t t1 = now_ns();
        floor_kill(guest);
        uint64_t t2 = now_ns();
        wire_start(connection, "bench");
        uint64_t t3 = now_ns();
        wire_kill(connection, "bench");
        uint64_t t4 = now_ns();
        if (i < 0) continue; /* warming up */
        samples_add(&floor_starts, (double)(t1 - t0) / 1e6);
        samples_add(&floor_stops, (double)(t2 - t1) / 1e6);
        samples_add(&start, (double)(t3 - t2) / 1e6);
        samples_add(&stop, (double)(t4 - t3) / 1e6);
    }
    report("start, call to reply", "ms", &start, &floor_starts);
    report("forced stop, call to reply", "ms", &stop, &floor_stops);
}

/* The guest's init is killed; until the event is at a subscriber. The floor: until its pidfd says so. */
static void end_to_event(int argc, char **argv)
{
    struct connection *control = wire_connect(argument(argc, argv, 2));
    struct connection *subscriber = wire_connect(argv[2]);
    const char *tree = argument(argc, argv, 3);
    int rounds = atoi(argument(argc, argv, 4));
    struct samples ours = {0}, floor = {0};
    wire_hello(control);
    wire_hello(subscriber);
    wire_subscribe(subscriber, "bench");
    for (int i = -3; i < rounds; i++) {
        double least = floor_end(floor_start(tree, "/bin/sleep", "1000"));
        int init = wire_start(control, "bench");
        uint64_t begin = now_ns();
        if (kill(init, SIGKILL)) die("kill init");
        wire_await_stopped(subscriber);
        uint64_t end = now_ns();
        if (i < 0) continue;
        samples_add(&floor, least / 1e6);
        samples_add(&ours, (double)(end - begin) / 1e6);
    }
    report("guest's end to event at a client", "ms", &ours, &floor);
}

/* Starts of N different guests, 8 calls open at a time; then as many kills. */
static void rate(int argc, char **argv)
{
    struct connection *connection = wire_connect(argument(argc, argv, 2));
    const char *prefix = argument(argc, argv, 3);
    int count = atoi(argument(argc, argv, 4));
    static void (*const send_call[2])(struct connection *, const char *) = {wire_send_start, wire_send_kill};
    double seconds[2];
    wire_hello(connection);
    for (int pass = 0; pass < 2; pass++) {
        int sent = 0, answered = 0;
        uint64_t begin = now_ns();
        while (answered < count) {
            while (sent < count && sent - answered < 8) {
                char name[80];
                snprintf(name, sizeof name, "%s%d", prefix, ++sent);
                send_call[pass](connection, name);
            }
            wire_receive(connection);
            if (connection->type != TYPE_REPLY) continue;
            if (connection->status != 0) {
                errno = EPROTO;
                die(pass == 0 ? "start" : "kill");
            }
            answered++;
        }
        seconds[pass] = (double)(now_ns() - begin) / 1e9;
    }
    report_value("starts, 8 at a time", "per second", count / seconds[0], 0);
    report_value("forced stops, 8 at a time", "per second", count / seconds[1], 0);
}

/* ---- calls per second, everything on one CPU -------------------------------------------------------------------- */

enum { FRAME = 28 };

static void echo(int fd)
{
    char buffer[FRAME];
    while (recv(fd, buffer, FRAME, MSG_WAITALL) == FRAME)
        if (send(fd, buffer, FRAME, MSG_NOSIGNAL) != FRAME) break;
    _exit(0);
}

/* Raw round trips of 28 bytes between two processes. */
static double floor_round_trips(double seconds)
{
    int fds[2];
    char buffer[FRAME] = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) die("socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        echo(fds[1]);
    }
    close(fds[1]);
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), count = 0;
    do {
        for (int i = 0; i < 100; i++, count++)
            if (send(fds[0], buffer, FRAME, MSG_NOSIGNAL) != FRAME || recv(fds[0], buffer, FRAME, MSG_WAITALL) != FRAME)
                die("round trip");
    } while (now_ns() < end);
    double rate = (double)count / ((double)(now_ns() - begin) / 1e9);
    close(fds[0]);
    waitpid(pid, NULL, 0);
    return rate;
}

static double calls_per_second(struct connection *connection, void (*call)(struct connection *), double seconds)
{
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), count = 0;
    do {
        for (int i = 0; i < 20; i++, count++) call(connection);
    } while (now_ns() < end);
    return (double)count / ((double)(now_ns() - begin) / 1e9);
}

/* Eight clients in turn keep one call each open. */
static double calls_of_eight(struct connection **connections, double seconds)
{
    static const uint8_t payload[] = {0, 0, 0, 5, 'b', 'e', 'n', 'c', 'h', 0, 0, 0};
    struct pollfd fds[8];
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), count = 0;
    for (int i = 0; i < 8; i++) {
        fds[i] = (struct pollfd){.fd = connections[i]->fd, .events = POLLIN};
        wire_call(connections[i], ADMIN_HELLO, payload, sizeof payload);
    }
    while (now_ns() < end) {
        if (poll(fds, 8, -1) < 0) die("poll");
        for (int i = 0; i < 8; i++) {
            if (!(fds[i].revents & POLLIN)) continue;
            wire_reply(connections[i]);
            wire_call(connections[i], ADMIN_HELLO, payload, sizeof payload);
            count++;
        }
    }
    double rate = (double)count / ((double)(now_ns() - begin) / 1e9);
    for (int i = 0; i < 8; i++) wire_reply(connections[i]);
    return rate;
}

/* Null calls per second on one CPU, `run` having pinned the daemon to the same one. */
static void rpc(int argc, char **argv)
{
    struct connection *connections[8];
    double seconds = atof(argument(argc, argv, 3));
    struct samples one = {0}, eight = {0}, floor = {0}, list = {0};
    pin(0, 0);
    for (int i = 0; i < 8; i++) {
        connections[i] = wire_connect(argument(argc, argv, 2));
        wire_hello(connections[i]);
    }
    for (int round = 0; round < 5; round++) {
        samples_add(&floor, floor_round_trips(seconds / 5));
        samples_add(&one, calls_per_second(connections[0], wire_hello, seconds / 5));
        samples_add(&eight, calls_of_eight(connections, seconds / 5));
        samples_add(&list, calls_per_second(connections[0], wire_list, seconds / 5));
    }
    report("null call, 1 client, one CPU", "per second", &one, &floor);
    report("null call, 8 clients, one CPU", "per second", &eight, &floor);
    report("list of 100 guests, 1 client, one CPU", "per second", &list, &floor);
}

/* A whole command, fork to reaped. The floor: /bin/true. */
static void command(int argc, char **argv)
{
    char *const floor_argv[] = {"/bin/true", NULL};
    const char *name = argument(argc, argv, 2);
    int rounds = atoi(argument(argc, argv, 3));
    struct samples ours = {0}, floor = {0};
    argument(argc, argv, 4);
    for (int i = -3; i < rounds; i++) {
        double least = whole_command(floor_argv) / 1e6, mine = whole_command(argv + 4) / 1e6;
        if (i < 0) continue;
        samples_add(&floor, least);
        samples_add(&ours, mine);
    }
    report(name, "ms", &ours, &floor);
}

int main(int argc, char **argv)
{
    const char *what = argument(argc, argv, 1);
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(what, "start")) start_and_stop(argc, argv);
    else if (!strcmp(what, "end")) end_to_event(argc, argv);
    else if (!strcmp(what, "rate")) rate(argc, argv);
    else if (!strcmp(what, "rpc")) rpc(argc, argv);
    else if (!strcmp(what, "command")) command(argc, argv);
    else argument(0, argv, 0);
    return 0;
}
