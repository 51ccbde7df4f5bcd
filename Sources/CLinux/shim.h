/* What the module of the C library leaves out, being no part of POSIX. */
#include <malloc.h>

int syncfs(int descriptor);

void *memmem(const void *bytes, size_t count, const void *pattern, size_t length);
