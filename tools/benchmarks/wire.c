#define _GNU_SOURCE
#include "wire.h"
#include "stats.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEADER = 28, KEEPALIVE_PROGRAM = 0x6b656570, FRAME_MAX = 4194304 };

/* ---- XDR ------------------------------------------------------------------------------------------------------- */

struct cursor {
    uint8_t *at, *end;
};

static void put32(uint8_t **at, uint32_t value)
{
    (*at)[0] = (uint8_t)(value >> 24);
    (*at)[1] = (uint8_t)(value >> 16);
    (*at)[2] = (uint8_t)(value >> 8);
    (*at)[3] = (uint8_t)value;
    *at += 4;
}

static void put_string(uint8_t **at, const char *string)
{
    size_t length = strlen(string);
    put32(at, (uint32_t)length);
    memset(*at, 0, (length + 3) / 4 * 4);
    memcpy(*at, string, length);
    *at += (length + 3) / 4 * 4;
}

static uint32_t get32(struct cursor *cursor)
{
    if (cursor->end - cursor->at < 4) {
        errno = EPROTO;
        die("decode");
    }
    uint8_t *at = cursor->at;
    cursor->at += 4;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void skip(struct cursor *cursor, size_t size)
{
    if ((size_t)(cursor->end - cursor->at) < size) {
        errno = EPROTO;
        die("decode");
    }
    cursor->at += size;
}

static void skip_opaque(struct cursor *cursor) { skip(cursor, ((size_t)get32(cursor) + 3) / 4 * 4); }

/* ---- frames ---------------------------------------------------------------------------------------------------- */

struct connection *wire_connect(const char *path)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(address.sun_path, path);
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) die(path);
    return connection;
}

void wire_call(struct connection *connection, uint32_t procedure, const void *payload, size_t size)
{
    uint8_t frame[4096], *at = frame;
    put32(&at, (uint32_t)(HEADER + size));
    put32(&at, ADMIN_PROGRAM);
    put32(&at, ADMIN_VERSION);
    put32(&at, procedure);
    put32(&at, TYPE_CALL);
    put32(&at, ++connection->serial);
    put32(&at, 0);
    memcpy(at, payload, size);
    if (send(connection->fd, frame, HEADER + size, MSG_NOSIGNAL) != (ssize_t)(HEADER + size)) die("send");
}

/* Bytes not yet taken stay in the kernel: one read for a whole small frame, more for a long one. */
static void read_exactly(struct connection *connection, size_t have, size_t want)
{
    while (have < want) {
        ssize_t got = recv(connection->fd, connection->buffer + have, want - have, 0);
        if (got == 0) errno = ECONNRESET;
        if (got <= 0) die("receive");
        have += (size_t)got;
    }
}

static void answer_ping(struct connection *connection, uint32_t version)
{
    uint8_t frame[HEADER], *at = frame;
    put32(&at, HEADER);
    put32(&at, KEEPALIVE_PROGRAM);
    put32(&at, version);
    put32(&at, 2);
    put32(&at, TYPE_EVENT);
    put32(&at, 0);
    put32(&at, 0);
    if (send(connection->fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame) die("send");
}

void wire_receive(struct connection *connection)
{
    for (;;) {
        if (connection->capacity < HEADER) {
            connection->capacity = 65536;
            connection->buffer = malloc(connection->capacity);
        }
        read_exactly(connection, 0, HEADER);
        struct cursor header = {connection->buffer, connection->buffer + HEADER};
        uint32_t length = get32(&header), program = get32(&header), version = get32(&header);
        if (length < HEADER || length > FRAME_MAX) {
            errno = EPROTO;
            die("frame length");
        }
        connection->procedure = get32(&header);
        connection->type = get32(&header);
        connection->reply_serial = get32(&header);
        connection->status = get32(&header);
        if (length > connection->capacity) {
            connection->capacity = length;
            connection->buffer = realloc(connection->buffer, length);
        }
        read_exactly(connection, HEADER, length);
        connection->payload = connection->buffer + HEADER;
        connection->size = length - HEADER;
        if (program == ADMIN_PROGRAM) return;
        if (connection->procedure == 1) answer_ping(connection, version);
    }
}

void wire_reply(struct connection *connection)
{
    do wire_receive(connection);
    while (connection->type != TYPE_REPLY || connection->reply_serial != connection->serial);
    if (connection->status == 0) return;
    struct cursor error = {connection->payload, connection->payload + connection->size};
    uint32_t code = get32(&error), length = get32(&error);
    fprintf(stderr, "bench: the daemon answered with error %u: %.*s\n", code, (int)length, (char *)error.at);
    exit(1);
}

/* ---- calls ----------------------------------------------------------------------------------------------------- */

void wire_hello(struct connection *connection)
{
    uint8_t payload[64], *at = payload;
    put_string(&at, "bench");
    wire_call(connection, ADMIN_HELLO, payload, (size_t)(at - payload));
    wire_reply(connection);
}

void wire_send_start(struct connection *connection, const char *guest)
{
    uint8_t payload[128], *at = payload;
    put32(&at, 0); /* no request id */
    put_string(&at, guest);
    wire_call(connection, ADMIN_START, payload, (size_t)(at - payload));
}

int wire_start(struct connection *connection, const char *guest)
{
    wire_send_start(connection, guest);
    wire_reply(connection);
    /* guest_summary up to init_pid */
    struct cursor reply = {connection->payload, connection->payload + connection->size};
    skip(&reply, 4);                 /* length of the summary, which may grow */
    skip_opaque(&reply);             /* name */
    skip(&reply, 12);                /* state, runs, restarts */
    if (get32(&reply)) skip(&reply, 16); /* run */
    skip(&reply, 16);                /* started_at, up_nanos */
    return (int)get32(&reply);
}

void wire_send_kill(struct connection *connection, const char *guest)
{
    uint8_t payload[128], *at = payload;
    put32(&at, 0);
    put_string(&at, guest);
    put32(&at, 9);
    wire_call(connection, ADMIN_KILL, payload, (size_t)(at - payload));
}

void wire_kill(struct connection *connection, const char *guest)
{
    wire_send_kill(connection, guest);
    wire_reply(connection);
}

void wire_list(struct connection *connection)
{
    uint8_t payload[32], *at = payload;
    put_string(&at, "");
    put_string(&at, "");
    put32(&at, 0); /* labels */
    put32(&at, 0); /* limit */
    wire_call(connection, ADMIN_LIST, payload, (size_t)(at - payload));
    wire_reply(connection);
}

void wire_subscribe(struct connection *connection, const char *pattern)
{
    uint8_t payload[256], *at = payload;
    put32(&at, 0); /* since now */
    put32(&at, 0); /* no snapshot */
    put_string(&at, pattern);
    put32(&at, 0); /* types */
    put32(&at, 0); /* causes */
    put32(&at, 0); /* labels */
    put32(&at, 0); /* tick */
    wire_call(connection, ADMIN_SUBSCRIBE, payload, (size_t)(at - payload));
    wire_reply(connection);
}

void wire_await_stopped(struct connection *connection)
{
    for (;;) {
        wire_receive(connection);
        if (connection->type != TYPE_EVENT || connection->procedure != ADMIN_EVENT) continue;
        struct cursor event = {connection->payload, connection->payload + connection->size};
        skip(&event, 4 + 4 + 8 + 8 + 16); /* subscription, format, sequence, time, boot */
        skip(&event, 4);              /* type */
        skip_opaque(&event);          /* guest */
        if (get32(&event)) skip(&event, 16); /* run */
        skip(&event, 4 + 4 + 4);      /* run_number, length of the detail, from */
        if (get32(&event) == STATE_STOPPED) return;
    }
}
