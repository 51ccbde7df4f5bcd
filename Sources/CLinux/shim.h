/* What the module of the C library leaves out, being no part of POSIX. */
#include <malloc.h>

int syncfs(int descriptor);
