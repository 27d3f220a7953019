#define _GNU_SOURCE
#include "stats.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 64;
        samples->values = realloc(samples->values, samples->capacity * sizeof(double));
        if (!samples->values) die("realloc");
    }
    samples->values[samples->count++] = value;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

double samples_at(struct samples *samples, double fraction)
{
    if (samples->count == 0) return 0;
    qsort(samples->values, samples->count, sizeof(double), ascending);
    return samples->values[(size_t)((double)(samples->count - 1) * fraction + 0.5)];
}

void report(const char *name, const char *unit, struct samples *ours, struct samples *floor)
{
    printf("%s\t%s\t%.3f\t%.3f\t%.3f\t%zu\n", name, unit, samples_at(ours, 0.5),
           floor ? samples_at(floor, 0.5) : 0.0, samples_at(ours, 0.95), ours->count);
    fflush(stdout);
}

void report_value(const char *name, const char *unit, double ours, double floor)
{
    printf("%s\t%s\t%.3f\t%.3f\t0\t1\n", name, unit, ours, floor);
    fflush(stdout);
}

void die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}
