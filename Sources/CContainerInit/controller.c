// The controller's side: the report socket and the filter's listener.
#define _GNU_SOURCE
#include "CContainerInit.h"
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int ci_report_socket(int *controller, int *child) {
  int fds[2];
  if (syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1) return -1;
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1) {
    close(fds[0]);
    close(fds[1]);
    return -1;
  }
  *controller = fds[0];
  *child = fds[1];
  return 0;
}

int ci_report_receive(int socket, struct ci_message *message, int *passed) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
  struct msghdr header = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  *passed = -1;
  memset(message, 0, sizeof *message);
  ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (got <= 0) return (int)got;
  struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
  if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
    memcpy(passed, CMSG_DATA(rights), sizeof(int));
  message->text[sizeof message->text - 1] = 0;
  return 1;
}

int ci_report_answer(
    int socket, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t group_count, const char *home) {
  if (group_count > CI_GROUPS_MAX) {
    errno = E2BIG;
    return -1;
  }
  struct ci_identity identity = {.uid = uid, .gid = gid, .group_count = (uint32_t)group_count, .home = "/"};
  memcpy(identity.groups, groups, group_count * sizeof *groups);
  size_t length = strlen(home);
  if (length < CI_HOME_SIZE) memcpy(identity.home, home, length + 1);
  return send(socket, &identity, sizeof identity, MSG_NOSIGNAL) == sizeof identity ? 0 : -1;
}

void ci_report_end(int socket) { shutdown(socket, SHUT_RDWR); }

int ci_network(void) {
  int ours = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (ours == -1) return -1;
  int made = -1;
  if (unshare(CLONE_NEWNET) == 0) {
    if (ci_loopback_up() == 0) made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    // It cannot fail with the namespace that we came from, and nothing of ours uses the network anyway.
    syscall(SYS_setns, ours, CLONE_NEWNET);
  }
  close(ours);
  return made;
}

int ci_terminal_peer(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

int ci_reboot_receive(int listener, struct ci_reboot_call *call) {
  // Larger than any kernel's so far; the kernel writes its own size and insists on zeros.
  union {
    struct seccomp_notif request;
    char room[256];
  } in;
  // Receiving waits when the caller has been killed meanwhile, whatever the descriptor's flags.
  struct pollfd ready = {.fd = listener, .events = POLLIN};
  if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLIN)) return 0;
  memset(&in, 0, sizeof in);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in.request) == -1) return errno == ENOENT || errno == EINTR ? 0 : -1;
  call->id = in.request.id;
  call->thread = (int32_t)in.request.pid;
  call->magic1 = (uint32_t)in.request.data.args[0];
  call->magic2 = (uint32_t)in.request.data.args[1];
  call->command = (uint32_t)in.request.data.args[2];
  return 1;
}

int ci_reboot_continue(int listener, const struct ci_reboot_call *call) {
  union {
    struct seccomp_notif_resp response;
    char room[256];
  } out;
  memset(&out, 0, sizeof out);
  out.response.id = call->id;
  out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out.response) == 0) return 1;
  return errno == ENOENT ? 0 : -1;
}

int ci_owning_user_namespace(int namespace_fd) { return ioctl(namespace_fd, NS_GET_USERNS); }

int ci_has_listener(void) {
  uint32_t action = SECCOMP_RET_USER_NOTIF;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
