/* Counts what the calling thread allocates: at most how many bytes at once, between meter_begin and meter_end. */
#pragma once

void meter_begin(void);
/* The peak above what there was at the beginning, as malloc rounds it. */
long meter_end(void);
