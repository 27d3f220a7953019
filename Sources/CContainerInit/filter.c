// The seccomp filter: written by hand, because nothing may be built between clone3 and execve, and constant, because
// it depends on nothing.
//
// Why it exists: when a guest calls reboot(2), the kernel ends its init as if by SIGHUP (restart) or SIGINT (halt and
// power off alike), pid_namespaces(7). From outside, that cannot be told from other ends, nor halt from power off. So
// the call is told to the controller, which notes the command and lets it go on. And the capability that reboot(2) asks
// for would also allow a guest to load another kernel for the whole host; that is refused here.
#define _GNU_SOURCE
#include "CContainerInit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

enum { AT_NUMBER = 0, AT_ARCHITECTURE = 4 };
enum { ALLOW = SECCOMP_RET_ALLOW };

#define LOAD(offset) {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}
#define WHEN(number, yes, no) {BPF_JMP | BPF_JEQ | BPF_K, yes, no, number}
#define ANSWER(action) {BPF_RET | BPF_K, 0, 0, action}

#if defined(__x86_64__)
// x32 calls are x86-64 ones with a bit set, and the same numbers but for a table from 512 on.
enum { X32_BIT = 0x40000000, X32_KEXEC_LOAD = 528 };
#define PROGRAM(ON_REBOOT)                                     \
  {                                                            \
    LOAD(AT_ARCHITECTURE),                      /*  0 */       \
    WHEN(AUDIT_ARCH_X86_64, 3, 0),              /*  1 -> 5 */  \
    WHEN(AUDIT_ARCH_I386, 0, 10),               /*  2 -> 13 */ \
    LOAD(AT_NUMBER),                            /*  3 */       \
    WHEN(88, 6, 5),                             /*  4 reboot -> 11, else 10 */ \
    LOAD(AT_NUMBER),                            /*  5 */       \
    {BPF_ALU | BPF_AND | BPF_K, 0, 0, ~X32_BIT},  /*  6 */     \
    WHEN(169, 3, 0),                            /*  7 reboot -> 11 */ \
    WHEN(246, 3, 0),                            /*  8 kexec_load -> 12 */ \
    WHEN(320, 2, 4),                            /*  9 kexec_file_load -> 12, else 14 */ \
    WHEN(283, 1, 2),                            /* 10 kexec_load of i386 -> 12, else 13 */ \
    ANSWER(ON_REBOOT),                          /* 11 */       \
    ANSWER(SECCOMP_RET_ERRNO | EPERM),          /* 12 */       \
    ANSWER(ALLOW),                              /* 13 */       \
    WHEN(X32_KEXEC_LOAD, 0, 1),                 /* 14 -> 15, else 16 */ \
    ANSWER(SECCOMP_RET_ERRNO | EPERM),          /* 15 */       \
    ANSWER(ALLOW),                              /* 16 */       \
  }
#elif defined(__aarch64__)
#define PROGRAM(ON_REBOOT)                                     \
  {                                                            \
    LOAD(AT_ARCHITECTURE),                      /*  0 */       \
    WHEN(AUDIT_ARCH_AARCH64, 5, 0),             /*  1 -> 7 */  \
    WHEN(AUDIT_ARCH_ARM, 0, 10),                /*  2 -> 13 */ \
    LOAD(AT_NUMBER),                            /*  3 */       \
    WHEN(88, 6, 0),                             /*  4 reboot -> 11 */ \
    WHEN(347, 6, 0),                            /*  5 kexec_load -> 12 */ \
    WHEN(401, 5, 6),                            /*  6 kexec_file_load -> 12, else 13 */ \
    LOAD(AT_NUMBER),                            /*  7 */       \
    WHEN(142, 2, 0),                            /*  8 reboot -> 11 */ \
    WHEN(104, 2, 0),                            /*  9 kexec_load -> 12 */ \
    WHEN(294, 1, 2),                            /* 10 kexec_file_load -> 12, else 13 */ \
    ANSWER(ON_REBOOT),                          /* 11 */       \
    ANSWER(SECCOMP_RET_ERRNO | EPERM),          /* 12 */       \
    ANSWER(ALLOW),                              /* 13 */       \
  }
#else
#error "the filter knows x86-64 and arm64 only"
#endif

static const struct ci_instruction with_listener[] = PROGRAM(SECCOMP_RET_USER_NOTIF);
static const struct ci_instruction alone[] = PROGRAM(ALLOW);

const struct ci_instruction *ci_filter(int tell, size_t *count) {
  *count = sizeof with_listener / sizeof with_listener[0];
  return tell ? with_listener : alone;
}
