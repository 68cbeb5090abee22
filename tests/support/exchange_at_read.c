// Preloaded into a program under test: before its opening number EXCHANGE_AT of a file whose path ends
// with EXCHANGE_NAME, renames the file EXCHANGE_FOR to that path.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static void before_open(const char* path) {
    static int openings = 0;
    const char* name = getenv("EXCHANGE_NAME");
    const char* at = getenv("EXCHANGE_AT");
    const char* other = getenv("EXCHANGE_FOR");
    if (name == NULL || at == NULL || other == NULL || strlen(path) < strlen(name) ||
        strcmp(path + strlen(path) - strlen(name), name) != 0) {
        return;
    }
    if (++openings == atoi(at) && rename(other, path) != 0) {
        abort();
    }
}

static int open_with(const char* symbol, const char* path, int flags, mode_t mode) {
    int (*next)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, symbol);
    before_open(path);
    return next(path, flags, mode);
}

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_with("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_with("open64", path, flags, mode);
}
