#include <lmdb.h>
// Tells network file systems, on which LMDB must not be used, from local ones.
#include <sys/vfs.h>
