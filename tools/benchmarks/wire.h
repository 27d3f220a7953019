/*
 * As much of the admin protocol as the measurements need, written from protocol/ alone: what a client costs that does
 * nothing else, and a second opinion on the wire.
 */
#ifndef WIRE_H
#define WIRE_H
#include <stddef.h>
#include <stdint.h>

enum { ADMIN_PROGRAM = 0x20000001, ADMIN_VERSION = 2 };
enum {
    ADMIN_HELLO = 0,
    ADMIN_START = 3,
    ADMIN_KILL = 5,
    ADMIN_LIST = 7,
    ADMIN_SUBSCRIBE = 12,
    ADMIN_EVENT = 15,
};
enum { TYPE_CALL = 0, TYPE_REPLY = 1, TYPE_EVENT = 2 };
enum { STATE_STOPPED = 0 };

struct connection {
    int fd;
    uint32_t serial;
    /* The last frame received: header fields, payload and its size. */
    uint32_t procedure, type, status, reply_serial;
    uint8_t *payload;
    size_t size;
    uint8_t *buffer;
    size_t capacity;
};

struct connection *wire_connect(const char *path);
/* Sends a call; `payload` is XDR. */
void wire_call(struct connection *connection, uint32_t procedure, const void *payload, size_t size);
/* Receives the next frame that is no keepalive. */
void wire_receive(struct connection *connection);
/* Receives frames until the reply to the last call; an error ends the program with its message. */
void wire_reply(struct connection *connection);

/* Calls, complete. */
void wire_hello(struct connection *connection);
/* Returns the pid of init. */
int wire_start(struct connection *connection, const char *guest);
/* Kills with SIGKILL; returns when the run has ended. */
void wire_kill(struct connection *connection, const char *guest);
/* Sends only. */
void wire_send_start(struct connection *connection, const char *guest);
void wire_send_kill(struct connection *connection, const char *guest);
void wire_list(struct connection *connection);
/* Subscribes to events about guests matching `pattern`, from now on. */
void wire_subscribe(struct connection *connection, const char *pattern);
/* Receives until an event says that a guest is stopped. */
void wire_await_stopped(struct connection *connection);
#endif
