/* The C library's allocator with a meter in front: an executable's malloc comes before that of libc for everything that
 * is linked to it, Swift's runtime included. Only the thread that measures is counted, so other tests may run beside. */
#include "meter.h"
#include <errno.h>
#include <malloc.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static _Thread_local int counting;
static _Thread_local long now, peak;

static void *count(void *block) {
  if (counting && block) {
    now += malloc_usable_size(block);
    if (now > peak) peak = now;
  }
  return block;
}

static void uncount(void *block) {
  if (counting && block) now -= malloc_usable_size(block);
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }
void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  if (alignment < sizeof(void *) || alignment & (alignment - 1)) return EINVAL;
  void *made = count(__libc_memalign(alignment, size));
  if (!made) return ENOMEM;
  *block = made;
  return 0;
}

void *realloc(void *block, size_t size) {
  long old = counting && block ? (long)malloc_usable_size(block) : 0;
  void *made = __libc_realloc(block, size);
  if (!made && size) return NULL;
  if (counting) now -= old;
  return count(made);
}

void free(void *block) {
  uncount(block);
  __libc_free(block);
}

/* The testing library takes a backtrace at every throw, which costs more than all the rest of refusing a message. */
extern void *_swift_willThrow __attribute__((weak)), *_swift_willThrowTypedImpl __attribute__((weak));
static void *handlers[2];

static void *exchange(void **handler, void *new) {
  return handler ? __atomic_exchange_n(handler, new, __ATOMIC_SEQ_CST) : NULL;
}

void meter_begin(void) {
  handlers[0] = exchange(&_swift_willThrow, NULL);
  handlers[1] = exchange(&_swift_willThrowTypedImpl, NULL);
  now = peak = 0;
  counting = 1;
}

long meter_end(void) {
  counting = 0;
  exchange(&_swift_willThrow, handlers[0]);
  exchange(&_swift_willThrowTypedImpl, handlers[1]);
  return peak;
}
