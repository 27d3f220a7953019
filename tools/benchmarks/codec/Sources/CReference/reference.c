/* The two references: libtirpc with rpcgen's routines, and a codec written by hand as a careful C programmer would. */
#include "records.h"
#include "reference.h"
#include <stdlib.h>
#include <string.h>

/* ---- libtirpc ------------------------------------------------------------ */

static struct records tirpc_value;
static struct numbers tirpc_numbers;

long tirpc_decode(const char *bytes, long size) {
  XDR x;
  memset(&tirpc_value, 0, sizeof tirpc_value);
  xdrmem_create(&x, (char *)bytes, size, XDR_DECODE);
  return xdr_records(&x, &tirpc_value) ? tirpc_value.items.items_len : -1;
}

long tirpc_encode(char *out, long size) {
  XDR x;
  xdrmem_create(&x, out, size, XDR_ENCODE);
  return xdr_records(&x, &tirpc_value) ? xdr_getpos(&x) : -1;
}

void tirpc_free(void) { xdr_free((xdrproc_t)xdr_records, (char *)&tirpc_value); }

long tirpc_decode_numbers(const char *bytes, long size) {
  XDR x;
  memset(&tirpc_numbers, 0, sizeof tirpc_numbers);
  xdrmem_create(&x, (char *)bytes, size, XDR_DECODE);
  return xdr_numbers(&x, &tirpc_numbers) ? tirpc_numbers.items.items_len : -1;
}

long tirpc_encode_numbers(char *out, long size) {
  XDR x;
  xdrmem_create(&x, out, size, XDR_ENCODE);
  return xdr_numbers(&x, &tirpc_numbers) ? xdr_getpos(&x) : -1;
}

void tirpc_free_numbers(void) { xdr_free((xdrproc_t)xdr_numbers, (char *)&tirpc_numbers); }

/* ---- by hand ------------------------------------------------------------- */

struct hand_record {
  char *name;
  uint32_t name_len;
  unsigned char uuid[16];
  int32_t state, flags;
};

static struct hand_record *hand_value;
static uint32_t hand_count;

static inline uint32_t get32(const unsigned char *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}

static inline void put32(unsigned char *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

/* Each string in memory of its own, ended by NUL, as xdr_string does; or left where it is. */
static long decode(const unsigned char *p, long size, int owned) {
  const unsigned char *end = p + size;
  if (end - p < 4) return -1;
  uint32_t count = get32(p);
  p += 4;
  if (count > 1000000 || count > (uint32_t)(end - p) / 28) return -1;
  struct hand_record *records = malloc(count * sizeof *records);
  if (!records && count) return -1;
  for (uint32_t i = 0; i < count; i++) {
    if (end - p < 4) goto bad;
    uint32_t len = get32(p);
    p += 4;
    uint32_t padded = (len + 3) & ~3u;
    if (len > 64 || end - p < (long)padded + 24) goto bad;
    if (owned) {
      char *name = malloc(len + 1);
      if (!name) goto bad;
      memcpy(name, p, len);
      name[len] = 0;
      records[i].name = name;
    } else {
      records[i].name = (char *)p;
    }
    records[i].name_len = len;
    p += padded;
    memcpy(records[i].uuid, p, 16);
    records[i].state = (int32_t)get32(p + 16);
    records[i].flags = (int32_t)get32(p + 20);
    p += 24;
  }
  if (p != end) goto bad;
  hand_value = records;
  hand_count = count;
  return count;
bad:
  free(records);
  return -1;
}

long hand_decode_owned(const char *bytes, long size) { return decode((const unsigned char *)bytes, size, 1); }
long hand_decode_in_place(const char *bytes, long size) { return decode((const unsigned char *)bytes, size, 0); }

void hand_free_owned(void) {
  for (uint32_t i = 0; i < hand_count; i++) free(hand_value[i].name);
  free(hand_value);
}

void hand_free_in_place(void) { free(hand_value); }

long hand_encode(char *out, long size) {
  unsigned char *p = (unsigned char *)out, *end = p + size;
  if (end - p < 4) return -1;
  put32(p, hand_count);
  p += 4;
  for (uint32_t i = 0; i < hand_count; i++) {
    struct hand_record *r = &hand_value[i];
    uint32_t padded = (r->name_len + 3) & ~3u;
    if (r->name_len > 64 || end - p < (long)padded + 28) return -1;
    put32(p, r->name_len);
    p += 4;
    if (padded) put32(p + padded - 4, 0);
    memcpy(p, r->name, r->name_len);
    p += padded;
    memcpy(p, r->uuid, 16);
    put32(p + 16, r->state);
    put32(p + 20, r->flags);
    p += 24;
  }
  return p - (unsigned char *)out;
}

/* As a program does that sends a message once: memory for it, bytes, memory back. */
long hand_encode_allocating(long size) {
  char *out = malloc(size);
  long result = out ? hand_encode(out, size) : -1;
  free(out);
  return result;
}

/* As a library does that is given a value and nothing else: the exact size first, then memory for it; and, if `strict`,
 * no text with a NUL inside, which the other end would refuse. */
static inline long encode_exact(int strict) {
  long size = 4;
  for (uint32_t i = 0; i < hand_count; i++) size += 28 + ((hand_value[i].name_len + 3) & ~3u);
  unsigned char *out = malloc(size), *p = out, *end = out + size;
  if (!out) return -1;
  put32(p, hand_count);
  p += 4;
  for (uint32_t i = 0; i < hand_count; i++) {
    struct hand_record *r = &hand_value[i];
    uint32_t padded = (r->name_len + 3) & ~3u;
    if (r->name_len > 64 || end - p < (long)padded + 28 || (strict && memchr(r->name, 0, r->name_len))) {
      free(out);
      return -1;
    }
    put32(p, r->name_len);
    p += 4;
    if (padded) put32(p + padded - 4, 0);
    memcpy(p, r->name, r->name_len);
    p += padded;
    memcpy(p, r->uuid, 16);
    put32(p + 16, r->state);
    put32(p + 20, r->flags);
    p += 24;
  }
  free(out);
  return p - out;
}

long hand_encode_exact(void) { return encode_exact(0); }
long hand_encode_exact_strict(void) { return encode_exact(1); }

static int32_t *hand_numbers;
static uint32_t hand_numbers_count;

long hand_decode_numbers(const char *bytes, long size) {
  const unsigned char *p = (const unsigned char *)bytes;
  if (size < 4) return -1;
  uint32_t count = get32(p);
  if (count > 1000000 || (size - 4) / 4 < count) return -1;
  int32_t *out = malloc(count * 4L);
  for (uint32_t i = 0; i < count; i++) out[i] = (int32_t)get32(p + 4 + 4L * i);
  hand_numbers = out;
  hand_numbers_count = count;
  return count;
}

long hand_encode_numbers(char *out, long size) {
  unsigned char *p = (unsigned char *)out;
  if (size < 4 + 4L * hand_numbers_count) return -1;
  put32(p, hand_numbers_count);
  for (uint32_t i = 0; i < hand_numbers_count; i++) put32(p + 4 + 4L * i, hand_numbers[i]);
  return 4 + 4L * hand_numbers_count;
}

void hand_free_numbers(void) { free(hand_numbers); }
