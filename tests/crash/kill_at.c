/* Loaded into cofferdam by a test: kills the process right before or right after the n-th object that it creates under a
 * name of its own, which is where a commit of the journal begins and ends. KILL_AT is n, KILL_WHEN `before` or `after`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    int (*real)(int, const char *, int, const char *, int) =
        (int (*)(int, const char *, int, const char *, int))dlsym(RTLD_NEXT, "linkat");
    const char *at = getenv("KILL_AT"), *when = getenv("KILL_WHEN");
    int now = at && atomic_fetch_add(&calls, 1) + 1 == atoi(at);
    if (now && when && strcmp(when, "before") == 0) kill(getpid(), SIGKILL);
    int result = real(from_dir, from, to_dir, to, flags);
    if (now) kill(getpid(), SIGKILL);
    return result;
}
