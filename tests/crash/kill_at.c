/* Loaded into cofferdam by a test: kills or stops the process right before or right after the n-th write of a kind to a
 * home in a directory, and notes the writes that were made. KILL_KIND, KILL_AT and KILL_SIDE (`before`, `after`) say
 * where, KILL_SIGNAL with what; KILL_LOG is the file of the notes, a line `process kind name` for each. The kinds are
 * those of `boundary.rs`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int writes, snapshots;

/* What is written under this name; nothing for files that are no objects. */
static const char *kind_of(const char *name, int removed) {
    if (strstr(name, "/.unfinished-") || strstr(name, ".lock")) return NULL;
    int journal = strstr(name, "/journal/") != NULL, states = strstr(name, "/states/") != NULL;
    int spare = strstr(name, "/spare/") != NULL;
    if (removed) return journal || states || spare ? "removal" : NULL;
    if (spare) return "spare";
    if (states) return atomic_fetch_add(&snapshots, 1), "snapshot";
    if (journal) return atomic_load(&snapshots) ? "base" : "piece";
    if (strstr(name, "/lease/")) return "lease";
    return strstr(name, "/home.json") ? "home" : NULL;
}

static void strike(const char *kind, const char *side) {
    const char *wanted = getenv("KILL_KIND"), *at = getenv("KILL_SIDE");
    if (!kind || !wanted || !at || strcmp(kind, wanted) || strcmp(side, at)) return;
    /* To this thread, which so does not go on while another one takes the signal. */
    if (atomic_fetch_add(&writes, 1) + 1 == atoi(getenv("KILL_AT"))) raise(atoi(getenv("KILL_SIGNAL")));
}

static void after(const char *kind, const char *name, int result) {
    if (!kind || result) return;
    strike(kind, "after");
    const char *log = getenv("KILL_LOG");
    int file = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file >= 0) dprintf(file, "%d %s %s\n", getpid(), kind, name);
    if (file >= 0) close(file);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    int (*real)(int, const char *, int, const char *, int) =
        (int (*)(int, const char *, int, const char *, int))dlsym(RTLD_NEXT, "linkat");
    const char *kind = kind_of(to, 0);
    strike(kind, "before");
    int result = real(from_dir, from, to_dir, to, flags);
    after(kind, to, result);
    return result;
}

int unlink(const char *name) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    const char *kind = kind_of(name, 1);
    strike(kind, "before");
    int result = real(name);
    after(kind, name, result);
    return result;
}
