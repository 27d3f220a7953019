/*
 * A C client of lodged: lists guests, and follows events.
 *
 *     client SOCKET list
 *     client SOCKET events [COUNT]     stops after COUNT events
 *
 * Everything that is on the wire comes from lodge.x by way of stock rpcgen; what is here is the framing (protocol/README.md)
 * and what one does with it. SOCKET is /run/lodge/lodge.sock, or run/lodge.sock below the daemon's --root.
 */
#include "lodge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char frame[RPC_FRAME_MAX];
static uint32_t next_serial;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "client: %s: %s\n", what, why);
  exit(1);
}

/* ---- frames -------------------------------------------------------------- */

static void transfer(int fd, char *bytes, size_t count, int writing) {
  while (count > 0) {
    ssize_t done = writing ? write(fd, bytes, count) : read(fd, bytes, count);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(writing ? "send" : "receive", strerror(errno));
    if (done == 0) fail("receive", "the daemon closed the connection");
    bytes += done;
    count -= (size_t)done;
  }
}

/* Sends one call. The header is a struct of lodge.x too; its length is known when the arguments are encoded. */
static uint32_t send_call(int fd, int procedure, xdrproc_t encode, void *args) {
  XDR x;
  rpc_header header = {
      .program_ = ADMIN_PROGRAM, .version_ = ADMIN_V2, .procedure = procedure,
      .type = RPC_MESSAGE_TYPE_CALL, .serial = next_serial++, .status = RPC_STATUS_OK};
  xdrmem_create(&x, frame, sizeof frame, XDR_ENCODE);
  xdr_setpos(&x, RPC_HEADER_SIZE);
  if (!encode(&x, args)) fail("encode", "an argument is out of its bounds");
  header.length = xdr_getpos(&x);
  xdr_setpos(&x, 0);
  if (!xdr_rpc_header(&x, &header)) fail("encode", "header");
  transfer(fd, frame, header.length, 1);
  return header.serial;
}

/* Receives one frame; x is left at its payload. */
static rpc_header receive(int fd, XDR *x) {
  rpc_header header;
  transfer(fd, frame, 4, 0);
  uint32_t length;
  xdrmem_create(x, frame, 4, XDR_DECODE);
  if (!xdr_uint32_t(x, &length) || length < RPC_HEADER_SIZE || length > RPC_FRAME_MAX) fail("receive", "not a frame");
  transfer(fd, frame + 4, length - 4, 0);
  xdrmem_create(x, frame, length, XDR_DECODE);
  memset(&header, 0, sizeof header);
  if (!xdr_rpc_header(x, &header)) fail("receive", "not a header");
  return header;
}

static void answer_ping(int fd, rpc_header header) {
  XDR x;
  char pong[RPC_HEADER_SIZE];
  header.procedure = KEEPALIVE_PONG;
  header.length = RPC_HEADER_SIZE;
  xdrmem_create(&x, pong, sizeof pong, XDR_ENCODE);
  if (xdr_rpc_header(&x, &header)) transfer(fd, pong, sizeof pong, 1);
}

/* Receives until something comes that is not a ping. */
static rpc_header receive_message(int fd, XDR *x) {
  for (;;) {
    rpc_header header = receive(fd, x);
    if (header.program_ != KEEPALIVE) return header;
    if (header.procedure == KEEPALIVE_PING) answer_ping(fd, header);
  }
}

/* One call and its reply; events that come between are for later programs. */
static void call(int fd, int procedure, xdrproc_t encode, void *args, xdrproc_t decode, void *reply) {
  XDR x;
  uint32_t serial = send_call(fd, procedure, encode, args);
  rpc_header header;
  do header = receive_message(fd, &x);
  while (header.type != RPC_MESSAGE_TYPE_REPLY || header.serial != serial);
  if (header.status == RPC_STATUS_ERROR) {
    rpc_error error;
    memset(&error, 0, sizeof error);
    if (!xdr_rpc_error(&x, &error)) fail("call", "the error cannot be read");
    fail("call", error.message);
  }
  if (!decode(&x, reply)) fail("call", "the reply cannot be read");
}

/* ---- what to do with it -------------------------------------------------- */

static const char *state_name(guest_state state) {
  switch (state) {
    case GUEST_STATE_STOPPED: return "stopped";
    case GUEST_STATE_STARTING: return "starting";
    case GUEST_STATE_RUNNING: return "running";
    case GUEST_STATE_STOPPING: return "stopping";
    case GUEST_STATE_WAITING: return "waiting";
  }
  return "unknown";
}

/*
 * A growable struct is carried as bytes. Its fields are decoded from them in a second step; fields that a newer daemon has added
 * behind them are left alone.
 */
static int decode_fields(u_int length, char *bytes, xdrproc_t decode, void *value, size_t size) {
  XDR x;
  memset(value, 0, size);
  xdrmem_create(&x, bytes, length, XDR_DECODE);
  return decode(&x, value);
}
#define FIELDS(type, from, to) \
  decode_fields((from).type##_len, (from).type##_val, (xdrproc_t)xdr_##type##_fields, (to), sizeof *(to))

static void print_end(run_end *end) {
  run_end_fields fields;
  end_headline_fields headline;
  if (!FIELDS(run_end, *end, &fields) || !FIELDS(end_headline, fields.headline, &headline)) return;
  wait_status *status = headline.status;
  switch (headline.kind) {
    case END_KIND_EXITED: printf(" exited %d", status ? status->value : -1); break;
    case END_KIND_SIGNALED: printf(" signal %d", status ? status->value : -1); break;
    case END_KIND_OOM: printf(" out of memory"); break;
    case END_KIND_REBOOT: printf(" reboot"); break;
    case END_KIND_HALT: printf(" halt"); break;
    case END_KIND_POWER_OFF: printf(" power off"); break;
    case END_KIND_STOPPED: printf(" stopped by uid %u", headline.by ? headline.by->uid : 0); break;
    case END_KIND_START_FAILED:
      printf(" start failed: %s", headline.start_failure ? headline.start_failure->message : "");
      break;
    case END_KIND_CONTROLLER_LOST: printf(" controller lost"); break;
    case END_KIND_HOST_RESET: printf(" host reset"); break;
    default: printf(" not known"); break;
  }
  xdr_free((xdrproc_t)xdr_end_headline_fields, &headline);
  xdr_free((xdrproc_t)xdr_run_end_fields, &fields);
}

static void print_last(run_record *run) {
  run_record_fields last;
  end_record_fields ended;
  if (FIELDS(run_record, *run, &last) && FIELDS(end_record, last.ended, &ended)) {
    print_end(&ended.end);
    xdr_free((xdrproc_t)xdr_end_record_fields, &ended);
    xdr_free((xdrproc_t)xdr_run_record_fields, &last);
  }
}

static void hello(int fd) {
  hello_args args = {.client = "c-client"};
  hello_reply reply;
  memset(&reply, 0, sizeof reply);
  call(fd, ADMIN_HELLO, (xdrproc_t)xdr_hello_args, &args, (xdrproc_t)xdr_hello_reply, &reply);
  fprintf(stderr, "client: connected to %s\n", reply.server);
  xdr_free((xdrproc_t)xdr_hello_reply, &reply);
}

static void list(int fd) {
  char after[GUEST_NAME_MAX + 1] = "";
  bool_t more;
  do {
    guest_list_args args = {.after = after, .pattern = ""};
    guest_list_reply reply;
    memset(&reply, 0, sizeof reply);
    call(fd, ADMIN_GUEST_LIST, (xdrproc_t)xdr_guest_list_args, &args, (xdrproc_t)xdr_guest_list_reply, &reply);
    for (u_int i = 0; i < reply.guests.guests_len; i++) {
      guest_summary_fields guest;
      if (!FIELDS(guest_summary, reply.guests.guests_val[i], &guest)) fail("list", "a guest cannot be read");
      printf("%s %s runs %u", guest.name, state_name(guest.state), guest.runs);
      if (guest.last) print_last(guest.last);
      printf("\n");
      snprintf(after, sizeof after, "%s", guest.name);
      xdr_free((xdrproc_t)xdr_guest_summary_fields, &guest);
    }
    more = reply.more && reply.guests.guests_len > 0;
    xdr_free((xdrproc_t)xdr_guest_list_reply, &reply);
  } while (more);
}

static void print_event(const event *event) {
  event_detail_fields detail;
  if (!FIELDS(event_detail, event->detail, &detail)) return;
  printf("%llu %s", (unsigned long long)event->sequence, event->guest[0] ? event->guest : "-");
  switch (event->type) {
    case EVENT_TYPE_CREATED: printf(" created"); break;
    case EVENT_TYPE_CHANGED: printf(" changed"); break;
    case EVENT_TYPE_REMOVED: printf(" removed"); break;
    case EVENT_TYPE_STATE: printf(" %s -> %s", state_name(detail.from), state_name(detail.to)); break;
    default: printf(" %s", detail.message); break;
  }
  if (detail.ended) print_end(detail.ended);
  printf("\n");
  xdr_free((xdrproc_t)xdr_event_detail_fields, &detail);
  fflush(stdout);
}

static void follow(int fd, long count) {
  events_subscribe_args args = {.since = {.kind = SINCE_NOW}, .filter = {.guest_pattern = ""}};
  events_subscribe_reply reply;
  call(fd, ADMIN_EVENTS_SUBSCRIBE, (xdrproc_t)xdr_events_subscribe_args, &args,
       (xdrproc_t)xdr_events_subscribe_reply, &reply);
  fprintf(stderr, "client: following events after %llu\n", (unsigned long long)reply.after);
  while (count != 0) {
    XDR x;
    rpc_header header = receive_message(fd, &x);
    if (header.program_ != ADMIN_PROGRAM || header.type != RPC_MESSAGE_TYPE_EVENT) continue;
    if (header.procedure == ADMIN_EVENT) {
      event_message message;
      memset(&message, 0, sizeof message);
      /* A newer daemon may send kinds that this program does not know: skip what cannot be read. */
      if (!xdr_event_message(&x, &message)) continue;
      print_event(&message.event);
      xdr_free((xdrproc_t)xdr_event_message, &message);
      if (count > 0) count--;
    } else if (header.procedure == ADMIN_EVENT_GAP) {
      event_gap gap;
      if (xdr_event_gap(&x, &gap))
        printf("events %llu to %llu are gone\n", (unsigned long long)gap.from, (unsigned long long)gap.to);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 3 || (strcmp(argv[2], "list") && strcmp(argv[2], "events"))) {
    fprintf(stderr, "usage: client SOCKET list | client SOCKET events [COUNT]\n");
    return 64;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(argv[1]) >= sizeof address.sun_path) fail(argv[1], "too long for a socket's path");
  strcpy(address.sun_path, argv[1]);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(argv[1], strerror(errno));
  hello(fd);
  if (!strcmp(argv[2], "list")) list(fd);
  else follow(fd, argc > 3 ? atol(argv[3]) : -1);
  close(fd);
  return 0;
}
