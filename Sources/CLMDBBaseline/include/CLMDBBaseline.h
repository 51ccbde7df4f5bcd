// What LMDB alone does with event bytes: the baseline that the log's speed is told against.
//
// Every function answers 0, an LMDB code (negative) or an errno (positive).
#ifndef CLMDB_BASELINE_H
#define CLMDB_BASELINE_H

#include <stddef.h>
#include <stdint.h>

typedef struct lmdb_baseline lmdb_baseline;

// Opens an environment with one database in an existing directory. No flag weakens durability:
// every commit is on disk when it returns.
int lmdb_baseline_open(const char *directory, size_t map_bytes, lmdb_baseline **opened);

// Puts `events` values of `value_bytes` each, which lie one behind the other in `values`, with
// `events_per_commit` of them in each transaction. The keys are positions, eight bytes, most
// significant first, and go on from the last call. What each commit took from its begin to its
// return goes to `nanoseconds`, one number a commit.
int lmdb_baseline_append(
    lmdb_baseline *baseline, const uint8_t *values, size_t value_bytes, size_t events,
    size_t events_per_commit, int64_t *nanoseconds);

// Walks all values in key order; `bytes` becomes their sum, `checksum` that of every 64th byte.
int lmdb_baseline_scan(lmdb_baseline *baseline, uint64_t *bytes, uint64_t *checksum);

// Asks for the value at each position, each in a read transaction of its own; `found` becomes how
// many there are.
int lmdb_baseline_read(
    lmdb_baseline *baseline, const uint64_t *positions, size_t count, size_t *found);

void lmdb_baseline_close(lmdb_baseline *baseline);

#endif
