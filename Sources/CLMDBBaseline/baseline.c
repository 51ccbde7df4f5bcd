#include "CLMDBBaseline.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <time.h>

struct lmdb_baseline {
    MDB_env *environment;
    MDB_dbi database;
    uint64_t next_position;
};

int lmdb_baseline_open(const char *directory, size_t map_bytes, lmdb_baseline **opened)
{
    lmdb_baseline *baseline = calloc(1, sizeof *baseline);
    if (baseline == NULL) return ENOMEM;
    MDB_txn *transaction = NULL;
    int code = mdb_env_create(&baseline->environment);
    if (code != 0) {
        free(baseline);
        return code;
    }
    if ((code = mdb_env_set_mapsize(baseline->environment, map_bytes)) != 0) goto failed;
    if ((code = mdb_env_open(baseline->environment, directory, 0, 0666)) != 0) goto failed;
    if ((code = mdb_txn_begin(baseline->environment, NULL, 0, &transaction)) != 0) goto failed;
    if ((code = mdb_dbi_open(transaction, NULL, 0, &baseline->database)) != 0) {
        mdb_txn_abort(transaction);
        goto failed;
    }
    if ((code = mdb_txn_commit(transaction)) != 0) goto failed;
    *opened = baseline;
    return 0;
failed:
    lmdb_baseline_close(baseline);
    return code;
}

void lmdb_baseline_close(lmdb_baseline *baseline)
{
    mdb_env_close(baseline->environment);
    free(baseline);
}

static int now(int64_t *nanoseconds)
{
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) return errno;
    *nanoseconds = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    return 0;
}

// A position as a key: eight bytes, most significant first.
static void put_key(uint64_t position, uint8_t bytes[8])
{
    for (int place = 0; place < 8; place++) bytes[place] = (uint8_t)(position >> (8 * (7 - place)));
}

// One transaction with `count` values.
static int commit(
    lmdb_baseline *baseline, const uint8_t *values, size_t value_bytes, size_t count)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(baseline->environment, NULL, 0, &transaction);
    if (code != 0) return code;
    for (size_t index = 0; index < count; index++) {
        uint8_t bytes[8];
        put_key(baseline->next_position + index, bytes);
        MDB_val key = { sizeof bytes, bytes };
        MDB_val value = { value_bytes, (void *)(values + index * value_bytes) };
        // The keys ascend, and LMDB is told so: it then fills its pages instead of halving them.
        code = mdb_put(transaction, baseline->database, &key, &value, MDB_APPEND);
        if (code != 0) {
            mdb_txn_abort(transaction);
            return code;
        }
    }
    if ((code = mdb_txn_commit(transaction)) != 0) return code;
    baseline->next_position += count;
    return 0;
}

int lmdb_baseline_append(
    lmdb_baseline *baseline, const uint8_t *values, size_t value_bytes, size_t events,
    size_t events_per_commit, int64_t *nanoseconds)
{
    if (events_per_commit == 0) return EINVAL;
    int code;
    int64_t begin, end;
    if ((code = now(&begin)) != 0) return code;
    for (size_t done = 0; done < events; done += events_per_commit) {
        size_t rest = events - done;
        size_t count = rest < events_per_commit ? rest : events_per_commit;
        code = commit(baseline, values + done * value_bytes, value_bytes, count);
        if (code != 0) return code;
        if ((code = now(&end)) != 0) return code;
        *nanoseconds++ = end - begin;
        begin = end;
    }
    return 0;
}

int lmdb_baseline_scan(lmdb_baseline *baseline, uint64_t *bytes, uint64_t *checksum)
{
    MDB_txn *transaction;
    MDB_cursor *cursor;
    MDB_val key, value;
    *bytes = *checksum = 0;
    int code = mdb_txn_begin(baseline->environment, NULL, MDB_RDONLY, &transaction);
    if (code != 0) return code;
    if ((code = mdb_cursor_open(transaction, baseline->database, &cursor)) != 0) {
        mdb_txn_abort(transaction);
        return code;
    }
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        const uint8_t *content = value.mv_data;
        *bytes += value.mv_size;
        for (size_t index = 0; index < value.mv_size; index += 64) *checksum += content[index];
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_baseline_read(
    lmdb_baseline *baseline, const uint64_t *positions, size_t count, size_t *found)
{
    *found = 0;
    for (size_t index = 0; index < count; index++) {
        uint8_t bytes[8];
        put_key(positions[index], bytes);
        MDB_val key = { sizeof bytes, bytes }, value;
        MDB_txn *transaction;
        int code = mdb_txn_begin(baseline->environment, NULL, MDB_RDONLY, &transaction);
        if (code != 0) return code;
        code = mdb_get(transaction, baseline->database, &key, &value);
        if (code == 0) (*found)++;
        mdb_txn_abort(transaction);
        if (code != 0 && code != MDB_NOTFOUND) return code;
    }
    return 0;
}
