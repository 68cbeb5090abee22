// Preloaded into a program under test: kills it before the call number KILL_AT_CALL that makes a
// file or its name durable, and appends a byte to the file COUNT_CALLS for each such call.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void before_call(void) {
    static int calls = 0;
    const char* at = getenv("KILL_AT_CALL");
    const char* count = getenv("COUNT_CALLS");
    ++calls;
    if (at != NULL && atoi(at) == calls) {
        kill(getpid(), SIGKILL);
    }
    if (count != NULL) {
        const int file = open(count, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (file >= 0) {
            if (write(file, "x", 1) != 1) {
                abort();
            }
            close(file);
        }
    }
}

int fsync(int file) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    before_call();
    return next(file);
}

int rename(const char* from, const char* to) {
    int (*next)(const char*, const char*) =
        (int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename");
    before_call();
    return next(from, to);
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned int flags) {
    int (*next)(int, const char*, int, const char*, unsigned int) =
        (int (*)(int, const char*, int, const char*, unsigned int))dlsym(RTLD_NEXT, "renameat2");
    before_call();
    return next(from_directory, from, to_directory, to, flags);
}

int unlink(const char* path) {
    int (*next)(const char*) = (int (*)(const char*))dlsym(RTLD_NEXT, "unlink");
    before_call();
    return next(path);
}

int remove(const char* path) {
    int (*next)(const char*) = (int (*)(const char*))dlsym(RTLD_NEXT, "remove");
    before_call();
    return next(path);
}
