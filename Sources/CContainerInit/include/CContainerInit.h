// The child between clone3 and execve, and the little C around it.
//
// The parent (ContainerRuntime) makes a list of steps in which every path, descriptor and string is ready; the child
// only carries them out, in order, and then executes init. It allocates nothing, calls nothing that is not
// async-signal-safe (`nm -u` holds that to a short list), and reports the first failure as {step, errno}.
#ifndef C_CONTAINER_INIT_H
#define C_CONTAINER_INIT_H

#include <stddef.h>
#include <stdint.h>

// MARK: steps

enum ci_operation {
  CI_GUARD = 1,      // die with the controller; fail if it is gone already
  CI_WRITE,          // write `text` to `fd`: joins a v1 cgroup
  CI_UNSHARE,        // unshare(2) of `a`
  CI_ENTER,          // setns(2) to `fd`, a namespace of kind `a`
  CI_PRIVATE,        // no mount event leaves or enters this mount namespace
  CI_CREATE_MOUNT,   // fsopen `text` with `options`, attributes `a`; into `slot`
  CI_CLONE_MOUNT,    // open_tree `text` in `fd`, attributes `a`, with the mounts below when `b`; into `slot`
  CI_ATTACH,         // move mount `fd` onto `text` in `at` (an empty text: onto `at` itself); flags in `a`
  CI_CHANGE_FOLDER,  // fchdir `fd`
  CI_PIVOT,          // make the folder of mount `fd` the root and let go of the old one
  CI_MAKE_FOLDER,    // mkdir `text` in `at` with mode `a`
  CI_MAKE_FILE,      // an empty file `text` in `at`
  CI_MAKE_DEVICE,    // a character device `text` in `at`, major `a`, minor `b`, for everybody to read and write
  CI_MAKE_LINK,      // symlink `text` in `at`, pointing to `value`
  CI_MASK,           // mount `fd` onto `text` in `at` if that exists
  CI_COVER,          // each entry of procfs `at`, a read-only mount, but processes and links: those that `options` name get
                     // mount `fd` (files) or the one in `slot` (folders) on them, all others themselves, read-only; then
                     // `at` itself may be written
  CI_HOSTNAME,       // sethostname `text`
  CI_LOOPBACK,       // bring `lo` up
  CI_SESSION,        // setsid
  CI_KEYRING,        // a session keyring of its own: the controller's holds the host's keys (keyrings(7))
  CI_SHOW_ROOT,      // send the guest's root to the controller, which looks the user up in it and answers
  CI_HEAR_USER,      // wait for that answer (struct ci_identity)
  CI_TERMINAL,       // a pseudoterminal from the devpts mount `fd`, owned by the user and gid `b`, 80 columns and 24 rows:
                     // controlling terminal, descriptors 0 to 2, bound to `text` in `at`; its other side goes to the
                     // controller
  CI_STDIO,          // descriptor `a` (0 to 2) becomes a copy of `fd`
  CI_OPEN_STREAM,    // descriptor `a` (0 to 2) becomes `text` in `at`, opened for reading
  CI_RLIMIT,         // setrlimit `a` to `b` (soft) and `c` (hard), in the way `slot` (enum ci_limit_mode)
  CI_OOM_SCORE,      // own oom_score_adj = `text`; what may not be lowered stays
  CI_FOLDER,         // chdir `text`, and make sure that it is below the root
  CI_FIND_INIT,      // look up the program that is executed at the end, and the interpreters of scripts
  CI_BOUNDING,       // drop every capability not in `a` from the bounding set
  CI_NO_NEW_PRIVS,
  CI_FILTER,         // the seccomp filter in `list`, one ci_instruction in two numbers; its listener goes to the controller
                     // when `a`
  CI_GROUPS,         // setgroups of the user's groups
  CI_USER,           // setresgid, setresuid of the user, who may keep what is permitted when `a` is not 0
  CI_CAPABILITIES,   // for uid 0 permitted and effective = `a`, inheritable and ambient none; for others all four = `b`
  CI_VERIFY,         // read back what the steps before have set, with `a` the bounding set, `b` whether privileges are
                     // not to be gained, `c` the capabilities of a user other than 0; EPROTO where the kernel has
                     // something else
  CI_SIGNALS,        // every disposition default, nothing blocked
  CI_CLOSE,          // every descriptor from 3 on closes at execve; then report that execve is next
  CI_FAIL,           // fail with errno `a`: a crash point
  CI_CRASH,          // have the controller end itself, then go on as if nothing had happened: a crash point
  CI_PAUSE,          // wait for our own end: a crash point
};

enum { CI_SLOTS = 16 };
/// Where a step's `fd` or `at` is this or less, it means what an earlier step left in slot CI_SLOT_BASE - fd.
enum { CI_SLOT_BASE = -1000 };
enum { CI_NO_FD = -1 };
/// The root of the guest once CI_PIVOT is done: absolute and relative paths both start there.
enum { CI_AT_ROOT = -100 };

enum ci_attach_flags {
  CI_ATTACH_NO_SYMLINKS = 1,  // the path may not have symbolic links in it
  CI_ATTACH_MAKE_FOLDER = 2,  // make what is missing; the last part a folder ...
  CI_ATTACH_MAKE_FILE = 4,    // ... or a file
  CI_ATTACH_NOT_PROC = 8,     // refuse (EPERM) a target on a proc filesystem
  CI_ATTACH_AS_COVERED = 16,  // the mount's folder gets mode and owner of the one it covers, if that was there before
};

enum ci_limit_mode {
  CI_LIMIT_EXACTLY = 0,
  CI_LIMIT_AS_ALLOWED = 1,  // as high as the hard limit is where it may not be raised (CAP_SYS_RESOURCE)
  CI_LIMIT_KEEP_HARD = 2,   // the hard limit as it is, and the soft one the same
};

struct ci_option {
  const char *key;
  const char *value;  // NULL: a flag
};

struct ci_step {
  int operation;
  int fd;
  int at;
  int slot;
  uint64_t a, b, c;
  const char *text;
  const char *value;
  const struct ci_option *options;
  size_t option_count;
  const uint32_t *list;
  size_t list_count;
};

/// Scripts whose interpreter is a script again; exec_binprm in fs/exec.c.
enum { CI_INTERPRETERS_MAX = 4, CI_ARGUMENTS_ROOM = 2 * CI_INTERPRETERS_MAX };
enum { CI_PATH_SIZE = 4096 };

struct ci_plan {
  const struct ci_step *steps;
  size_t step_count;
  const char *path;  // init, as the guest sees it
  char **argv;       // behind CI_ARGUMENTS_ROOM free entries, for the interpreters of scripts
  char *const *envp;
  char *home;      // CI_HOME_SIZE bytes, where an entry of envp takes the user's folder from; or NULL
  int socket;      // our end of the report socket (SOCK_SEQPACKET); closes at execve
  int controller_socket;  // the controller's end, which the child inherits and closes
  uint8_t *mark;   // shared memory: set right before execve, cleared when that fails; or NULL
};

// MARK: the report

enum ci_message_kind {
  CI_MESSAGE_FAILURE = 1, CI_MESSAGE_TERMINAL = 2, CI_MESSAGE_LISTENER = 3, CI_MESSAGE_CRASH = 4,
  CI_MESSAGE_ROOT = 5, CI_MESSAGE_READY = 6
};

/// One datagram. TERMINAL, LISTENER and ROOT carry a descriptor; FAILURE does where the root was there: the controller
/// looks into it for the reason, and the child ends with the conversation (ci_report_end). READY is the last before execve,
/// and when init is executed the socket closes.
struct ci_message {
  int32_t kind;
  int32_t step;    // index; step_count is execve
  int32_t error;   // errno
  char text[116];  // what the filesystem itself said, NUL-terminated; often empty
};

enum { CI_GROUPS_MAX = 1024, CI_HOME_SIZE = 4096 };

/// The controller's answer to ROOT: whom init runs as.
struct ci_identity {
  uint32_t uid;
  uint32_t gid;
  uint32_t group_count;
  uint32_t groups[CI_GROUPS_MAX];
  char home[CI_HOME_SIZE];  // NUL-terminated
};

// MARK: the tie

/// A process that ends with its maker, and takes with it everything in the PID namespace whose init it is.
///
/// The guest's init is born into a PID namespace of its own inside that one. Whatever the guest does, it cannot see,
/// signal or outlive the outer init (pid_namespaces(7)): it may change its user or clear its parent death signal, both of
/// which cut PR_SET_PDEATHSIG. The process shares the maker's memory and has no descriptor but one end of a pipe, so it
/// costs a kernel stack and one page.
struct ci_tie {
  int pidfd;
  int pipe;  // the maker's end: the other one reads its end when the maker is gone
  void *stack;
};
/// 0, or -1 with errno.
int ci_tie_make(struct ci_tie *tie);
/// Ends the process and waits for it, at most `milliseconds`.
void ci_tie_end(struct ci_tie *tie, int milliseconds);

/// Starts the child in new PID namespace plus `namespaces` (CLONE_NEW*), in the cgroup `cgroup_fd` unless it is -1.
/// Its PID namespace lies in that of the process `tie_pidfd`.
/// Returns its pid in the caller's namespace and sets *pidfd; -1 with errno.
int ci_start(const struct ci_plan *plan, uint64_t namespaces, int tie_pidfd, int cgroup_fd, int *pidfd);

/// Makes a network namespace with its loopback up and ping for every group (icmp(7)), beside the caller's own; returns a descriptor of it, or -1 with errno.
int ci_network(void);

/// The pair for the report: nonblocking for the controller, blocking for the child, both close-on-exec.
int ci_report_socket(int *controller, int *child);
/// 1: a message (with *passed = a descriptor or -1), 0: closed, -1: errno (EAGAIN: nothing yet).
int ci_report_receive(int socket, struct ci_message *message, int *passed);

/// Answers ROOT with the user that init runs as; a `home` that is too long for a path counts as `/`. 0, or -1 with errno:
/// E2BIG for too many groups.
int ci_report_answer(
    int socket, uint32_t uid, uint32_t gid, const uint32_t *groups, size_t group_count, const char *home);
/// Ends the conversation: a child that waits for an answer ends.
void ci_report_end(int socket);

/// Opens the other side of a terminal.
int ci_terminal_peer(int master);

// MARK: the seccomp filter

/// One instruction of classic BPF, as struct sock_filter.
struct ci_instruction {
  uint16_t code;
  uint8_t when_true;
  uint8_t when_false;
  uint32_t value;
};
/// One call of reboot(2) that waits.
struct ci_reboot_call {
  uint64_t id;
  int32_t thread;  // the caller, in the reader's PID namespace
  uint32_t magic1, magic2, command;
};
/// Takes one off the listener. 1: took one, 0: there is none or it is gone, -1: errno.
int ci_reboot_receive(int listener, struct ci_reboot_call *call);
/// Lets it go on. 1: it does, 0: it was interrupted or its caller is gone, and the kernel has not taken it; -1: errno.
int ci_reboot_continue(int listener, const struct ci_reboot_call *call);
/// A descriptor of the user namespace that owns a namespace, or -1 with errno.
int ci_owning_user_namespace(int namespace_fd);
/// 1 when this kernel has seccomp filters with a listener.
int ci_has_listener(void);

// MARK: mounts for the controller's side

/// A detached copy of a mount tree; `attributes` (CI_MOUNT_*) apply to all of it.
int ci_clone_mount(int directory, const char *path, int recursive, uint64_t attributes);
enum {
  CI_MOUNT_READ_ONLY = 0x1, CI_MOUNT_NO_SUID = 0x2, CI_MOUNT_NO_DEVICES = 0x4, CI_MOUNT_NO_EXECUTE = 0x8,
};
enum {
  CI_NEW_MOUNTS = 0x00020000, CI_NEW_CGROUP = 0x02000000, CI_NEW_UTS = 0x04000000, CI_NEW_IPC = 0x08000000,
  CI_NEW_USER = 0x10000000, CI_NEW_PID = 0x20000000, CI_NEW_NETWORK = 0x40000000,
};
#endif
