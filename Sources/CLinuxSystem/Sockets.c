#define _GNU_SOURCE
#include "CLinuxSystem.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int ls_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

int ls_unix_socketpair(int fds[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds); }

static int unix_address(const char *path, struct sockaddr_un *address, socklen_t *length) {
  size_t size = strlen(path);
  // An empty path would be an abstract or unnamed address; we have none of those.
  if (size == 0 || size >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, size);
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
  return 0;
}

int ls_unix_bind(int fd, const char *path) {
  struct sockaddr_un address;
  socklen_t length;
  if (unix_address(path, &address, &length) == -1) return -1;
  return bind(fd, (struct sockaddr *)&address, length);
}

int ls_unix_connect(int fd, const char *path) {
  struct sockaddr_un address;
  socklen_t length;
  if (unix_address(path, &address, &length) == -1) return -1;
  return connect(fd, (struct sockaddr *)&address, length);
}

int ls_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int ls_peer(int fd, struct ls_peer *peer) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == -1) return -1;
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  return 0;
}

int ls_unsent(int fd, int *bytes) { return ioctl(fd, SIOCOUTQ, bytes); }

ssize_t ls_send(int fd, const void *bytes, size_t count) { return send(fd, bytes, count, MSG_NOSIGNAL); }

ssize_t ls_recv(int fd, void *bytes, size_t count) { return recv(fd, bytes, count, 0); }

ssize_t ls_send_fd(int fd, uint8_t byte, int passed) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &passed, sizeof(int));
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t ls_recv_fds(int fd, void *bytes, size_t size, int *passed, int *count, int *truncated) {
  enum { ROOM = 64 };
  union {
    char bytes[CMSG_SPACE(sizeof(int) * ROOM)];
    struct cmsghdr align;
  } control;
  int room = *count < ROOM ? *count : ROOM;
  struct iovec part = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
      .msg_controllen = room > 0 ? CMSG_SPACE(sizeof(int) * room) : 0};
  *count = 0;
  *truncated = 0;
  ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  if (got == -1) return -1;
  *truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t have = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < have; i++) {
      int one;
      memcpy(&one, CMSG_DATA(header) + i * sizeof(int), sizeof one);
      // CMSG_SPACE rounds up, so one more than asked for may fit.
      if (*count < room) {
        passed[(*count)++] = one;
      } else {
        close(one);
        *truncated = 1;
      }
    }
  }
  return got;
}

int ls_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int ls_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return epoll_ctl(epoll, operation, fd, &event);
}

int ls_epoll_wait(int epoll, struct ls_epoll_event *events, int room, int64_t nanoseconds) {
  enum { MOST = 32 };
  struct epoll_event raw[MOST];
  if (room > MOST) room = MOST;
  struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int got = epoll_pwait2(epoll, raw, room, nanoseconds < 0 ? NULL : &timeout, NULL);
  if (got == -1 && errno == ENOSYS) {  // before Linux 5.11
    int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
    got = epoll_wait(epoll, raw, room, milliseconds > 0x7fffffff ? 0x7fffffff : (int)milliseconds);
  }
  for (int i = 0; i < got; i++) {
    events[i].events = raw[i].events;
    events[i].token = raw[i].data.u64;
  }
  return got;
}
