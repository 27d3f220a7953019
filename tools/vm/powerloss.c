// Makes the content of a disk after a loss of power: every write before its last flush, and any of the later ones, in
// any order. Takes the log that qemu's blklogwrites filter kept of one boot (the format of
// Linux's dm-log-writes) and brings it into the image from before that boot.
//
// usage: powerloss LOG IMAGE SEED
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH = 1, FUA = 2, DISCARD = 4 };

struct super {
  uint64_t magic, version, entries;
  uint32_t sector_size;
} __attribute__((packed));

struct entry {
  uint64_t sector, sectors, flags, length;
};

static int logged, image;
static uint64_t sector_size;
static char *buffer;
static size_t buffer_size;

static void must(int done, const char *what) {
  if (done) return;
  perror(what);
  exit(1);
}

static void apply(const struct entry *entry, off_t from) {
  size_t size = entry->sectors * sector_size;
  if (size > buffer_size) {
    buffer = realloc(buffer, buffer_size = size);
    must(buffer != NULL, "memory");
  }
  must(pread(logged, buffer, size, from) == (ssize_t)size, "read the log");
  must(pwrite(image, buffer, size, (off_t)(entry->sector * sector_size)) == (ssize_t)size, "write the image");
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: powerloss LOG IMAGE SEED\n");
    return 64;
  }
  logged = open(arguments[1], O_RDONLY);
  must(logged != -1, arguments[1]);
  image = open(arguments[2], O_WRONLY);
  must(image != -1, arguments[2]);
  srandom((unsigned)strtoul(arguments[3], NULL, 10));

  struct super super;
  must(pread(logged, &super, sizeof super, 0) == sizeof super, "read the log");
  if (super.magic != 0x6a736677736872 || super.sector_size < 512) {
    fprintf(stderr, "powerloss: %s is no log of writes\n", arguments[1]);
    return 1;
  }
  sector_size = super.sector_size;

  // The number of entries in the head is brought up to date now and then only. The file was empty, so the first entry
  // that says nothing is the end. One whose data was not all in it when qemu was killed was not answered either.
  struct position {
    struct entry entry;
    off_t data;
  } *entries = NULL;
  size_t all = 0, room = 0, flushed = 0;
  off_t at = (off_t)sector_size, end = lseek(logged, 0, SEEK_END);
  struct entry entry;
  while (pread(logged, &entry, sizeof entry, at) == sizeof entry && (entry.sectors > 0 || entry.flags != 0)) {
    off_t data = at + (off_t)sector_size;
    at = data + (off_t)(entry.flags & DISCARD ? 0 : entry.sectors * sector_size);
    if (at > end) break;
    if (all == room) {
      entries = realloc(entries, sizeof *entries * (room = room ? room * 2 : 1024));
      must(entries != NULL, "memory");
    }
    entries[all++] = (struct position){entry, data};
    if (entry.flags & FLUSH) flushed = all;
  }

  size_t kept = 0, lost = 0;
  for (size_t i = 0; i < all; i++) {
    const struct position *next = &entries[i];
    if (next->entry.sectors == 0 || next->entry.flags & DISCARD) continue;
    if (i >= flushed && !(next->entry.flags & FUA)) {
      if (random() % 2) {
        lost++;
        continue;
      }
      kept++;
    }
    apply(&next->entry, next->data);
  }
  printf("%zu writes and flushes; of %zu writes after the last flush %zu were lost\n", all, kept + lost, lost);
  return 0;
}
