/* Times and their medians. */
#ifndef STATS_H
#define STATS_H
#include <stddef.h>
#include <stdint.h>

/* Nanoseconds by CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* Samples of one measurement. */
struct samples {
    double *values;
    size_t count, capacity;
};

void samples_add(struct samples *samples, double value);
/* The value that `fraction` of the samples do not exceed; 0.5 is the median. Sorts them. */
double samples_at(struct samples *samples, double fraction);

/* One line that `run` reads: name, unit, ours, the floor (0: there is none). */
void report(const char *name, const char *unit, struct samples *ours, struct samples *floor);
void report_value(const char *name, const char *unit, double ours, double floor);

/* Prints what failed with errno's words and ends the program. */
void die(const char *what) __attribute__((noreturn));
#endif
