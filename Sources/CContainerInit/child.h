// Shared by the files of this target. All of it runs in the child: no allocation, no locks, no stdio.
#ifndef C_CONTAINER_INIT_CHILD_H
#define C_CONTAINER_INIT_CHILD_H

#include "CContainerInit.h"

/// A program that was looked up, to be executed.
struct ci_program {
  int folder;        // that holds it
  const char *name;  // there; in `path`
  char **argv;       // with those of interpreters in front
  char path[CI_PATH_SIZE];
};

struct ci_context {
  const struct ci_plan *plan;
  int slots[CI_SLOTS];
  char text[116];  // what a filesystem said about its failure
  int has_root;    // the root is the guest's
  struct ci_identity identity;
  struct ci_program program;
};

/// All of the child: does not return.
void ci_child(const struct ci_plan *plan);
/// The descriptor that a step's operand means.
int ci_resolve(const struct ci_context *context, int operand);
/// Puts words about a failure into the report.
void ci_say(struct ci_context *context, const char *text);
/// Sends a message with a descriptor, or with none where `passed` is -1.
int ci_send(int socket, const struct ci_message *message, int passed);
/// Opens a path from the working directory or the root, not through magic links (/proc/PID/exe, cwd, root, fd): ELOOP.
int ci_open_plainly(const char *path, uint64_t flags);
/// Looks init up, and what executes it if it is a script. 0, or -1 with errno.
int ci_find_init(struct ci_context *context);
/// Executes what was found. Returns only where that fails, with errno.
void ci_execute(const struct ci_context *context);
/// Brings `lo` up in the caller's network namespace, and lets every group ping. Wants the host's /proc.
int ci_loopback_up(void);
int ci_raw_mount_attributes(int fd, const char *path, unsigned flags, uint64_t attributes);

// One for each group of operations; 0 or -1 with errno.
int ci_mount_step(struct ci_context *context, const struct ci_step *step);
int ci_terminal_step(struct ci_context *context, const struct ci_step *step);
int ci_rights_step(struct ci_context *context, const struct ci_step *step);

#endif
