/* Lets the n-th call into the file system fail, for paths under one folder; preloaded by `store_faults.rs` and
 * `checkpoint_faults.rs`.
 *
 * FAULT_ROOT    the folder; calls on other paths pass uncounted
 * FAULT_KIND    none: only count · once: call FAULT_AT fails · all: so does every later call of its class ·
 *               short: read or write number FAULT_AT moves half of the bytes · kill: the process is killed in place
 *               of call FAULT_AT
 * FAULT_AT      a number from 1
 * FAULT_ERRNO   the error
 * FAULT_REPORT  a file that gets the counts when a call fails and when the process ends, one "name count" a line
 *
 * Giving a lock back, closing and asking for metadata never fail.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { OPEN, WRITE, READ, MOVE, MAKE, REMOVE, RESIZE, SYNC, LOCK, LIST, CLASSES };
static const char *const NAMES[CLASSES] = {"open",   "write",  "read", "move", "make",
                                           "remove", "resize", "sync", "lock", "list"};
enum kind { NONE, ONCE, ALL, SHORT, KILL };

#define DESCRIPTORS 4096
/* What is open under the folder, by descriptor: 1, or 2 if it belongs to an SQLite database. */
static atomic_uchar inside[DESCRIPTORS];
static atomic_int total, moves_of_bytes, counts[CLASSES], sqlite_writes, other_writes, failed_class = -1;
static char root[PATH_MAX], failed_name[64], failed_path[PATH_MAX];
static size_t root_length;
static enum kind kind;
static int fault_at, fault_errno;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_ROOT"), *how = getenv("FAULT_KIND");
    const char *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERRNO");
    if (path) root_length = (size_t)snprintf(root, sizeof root, "%s", path);
    if (how)
        kind = !strcmp(how, "once") ? ONCE : !strcmp(how, "all") ? ALL : !strcmp(how, "short") ? SHORT
               : !strcmp(how, "kill")  ? KILL
                                       : NONE;
    if (at) fault_at = atoi(at);
    if (error) fault_errno = atoi(error);
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }
#define REAL(name) \
    static __typeof__(name) *real_##name; \
    if (!real_##name) real_##name = (__typeof__(name) *)real(#name)

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAULT_REPORT");
    if (!path) return;
    int (*real_open)(const char *, int, ...) = (int (*)(const char *, int, ...))real("open");
    ssize_t (*real_write)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))real("write");
    int file = real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return;
    char line[PATH_MAX + 128];
    int length = snprintf(line, sizeof line, "total %d\nbytes %d\nsqlite %d\nother %d\n", total,
                          moves_of_bytes, sqlite_writes, other_writes);
    if (real_write(file, line, (size_t)length) < 0) return;
    for (int class = 0; class < CLASSES; class++) {
        length = snprintf(line, sizeof line, "%s %d\n", NAMES[class], counts[class]);
        if (real_write(file, line, (size_t)length) < 0) return;
    }
    if (failed_name[0]) {
        length = snprintf(line, sizeof line, "failed %s %s\n", failed_name, failed_path);
        if (real_write(file, line, (size_t)length) < 0) return;
    }
}

static int is_inside_path(const char *path) {
    return root_length && path && !strncmp(path, root, root_length) &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int is_inside(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS && inside[descriptor];
}

/* A path of a call that is given a folder: relative ones belong to that folder. */
static int is_inside_at(int folder, const char *path) {
    return path && path[0] == '/' ? is_inside_path(path) : is_inside(folder);
}

static void remember(int descriptor, int is_ours, const char *path) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    inside[descriptor] = !is_ours ? 0 : path && strstr(path, "sqlite") ? 2 : 1;
}

static void note(const char *name, const char *path) {
    snprintf(failed_name, sizeof failed_name, "%s", name);
    snprintf(failed_path, sizeof failed_path, "%s", path ? path : "a descriptor");
    report();
}

/* Counts a call; whether it has to fail. */
static int fails(enum class class, const char *name, const char *path) {
    int number = ++total;
    counts[class]++;
    if (kind == KILL && number == fault_at) {
        note(name, path);
        kill(getpid(), SIGKILL);
    }
    int fault = (kind == ONCE || kind == ALL) && number == fault_at;
    if (fault && kind == ALL) failed_class = (int)class;
    if (fault) note(name, path);
    if (fault || failed_class == (int)class) {
        errno = fault_errno;
        return 1;
    }
    return 0;
}

/* Counts a read or write of an open file; 0 if it has to fail, else how many bytes it may move. */
static int moves(enum class class, const char *name, int descriptor, size_t *length) {
    if (class == WRITE) inside[descriptor] == 2 ? sqlite_writes++ : other_writes++;
    if (fails(class, name, NULL)) return 0;
    if (++moves_of_bytes == fault_at && kind == SHORT && *length > 1) {
        note(name, "half of the bytes");
        *length /= 2;
    }
    return 1;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        int ours = is_inside_path(path); \
        if (ours && fails(OPEN, #name, path)) return -1; \
        int descriptor = real_##name(path, flags, mode); \
        remember(descriptor, ours, path); \
        return descriptor; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        int ours = is_inside_at(folder, path); \
        if (ours && fails(OPEN, #name, path)) return -1; \
        int descriptor = real_##name(folder, path, flags, mode); \
        remember(descriptor, ours, path); \
        return descriptor; \
    }
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

DIR *opendir(const char *path) {
    REAL(opendir);
    if (is_inside_path(path) && fails(LIST, "opendir", path)) return NULL;
    return real_opendir(path);
}

int close(int descriptor) {
    REAL(close);
    remember(descriptor, 0, NULL);
    return real_close(descriptor);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    REAL(write);
    if (is_inside(descriptor) && !moves(WRITE, "write", descriptor, &length)) return -1;
    return real_write(descriptor, bytes, length);
}

ssize_t read(int descriptor, void *bytes, size_t length) {
    REAL(read);
    if (is_inside(descriptor) && !moves(READ, "read", descriptor, &length)) return -1;
    return real_read(descriptor, bytes, length);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int descriptor, const void *bytes, size_t length, offset_type offset) { \
        REAL(name); \
        if (is_inside(descriptor) && !moves(WRITE, #name, descriptor, &length)) return -1; \
        return real_##name(descriptor, bytes, length, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PREAD(name, offset_type) \
    ssize_t name(int descriptor, void *bytes, size_t length, offset_type offset) { \
        REAL(name); \
        if (is_inside(descriptor) && !moves(READ, #name, descriptor, &length)) return -1; \
        return real_##name(descriptor, bytes, length, offset); \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(writev);
    size_t length = count > 0 ? parts[0].iov_len : 0, whole = length;
    if (is_inside(descriptor) && !moves(WRITE, "writev", descriptor, &length)) return -1;
    if (length == whole) return real_writev(descriptor, parts, count);
    struct iovec part = {parts[0].iov_base, length};
    return real_writev(descriptor, &part, 1);
}

ssize_t readv(int descriptor, const struct iovec *parts, int count) {
    REAL(readv);
    size_t length = count > 0 ? parts[0].iov_len : 0, whole = length;
    if (is_inside(descriptor) && !moves(READ, "readv", descriptor, &length)) return -1;
    if (length == whole) return real_readv(descriptor, parts, count);
    struct iovec part = {parts[0].iov_base, length};
    return real_readv(descriptor, &part, 1);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if ((is_inside_path(from) || is_inside_path(to)) && fails(MOVE, "rename", to)) return -1;
    return real_rename(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    if ((is_inside_at(from_folder, from) || is_inside_at(to_folder, to)) && fails(MOVE, "renameat", to))
        return -1;
    return real_renameat(from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    REAL(renameat2);
    if ((is_inside_at(from_folder, from) || is_inside_at(to_folder, to)) && fails(MOVE, "renameat2", to))
        return -1;
    return real_renameat2(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) {
    REAL(link);
    if ((is_inside_path(from) || is_inside_path(to)) && fails(MOVE, "link", to)) return -1;
    return real_link(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(linkat);
    if ((is_inside_at(from_folder, from) || is_inside_at(to_folder, to)) && fails(MOVE, "linkat", to))
        return -1;
    return real_linkat(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (is_inside_path(path) && fails(MAKE, "mkdir", path)) return -1;
    return real_mkdir(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat);
    if (is_inside_at(folder, path) && fails(MAKE, "mkdirat", path)) return -1;
    return real_mkdirat(folder, path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    if (is_inside_path(path) && fails(REMOVE, "unlink", path)) return -1;
    return real_unlink(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    if (is_inside_at(folder, path) && fails(REMOVE, "unlinkat", path)) return -1;
    return real_unlinkat(folder, path, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    if (is_inside_path(path) && fails(REMOVE, "rmdir", path)) return -1;
    return real_rmdir(path);
}

#define RESIZE_TO(name, length_type) \
    int name(int descriptor, length_type length) { \
        REAL(name); \
        if (is_inside(descriptor) && fails(RESIZE, #name, NULL)) return -1; \
        return real_##name(descriptor, length); \
    }
RESIZE_TO(ftruncate, off_t)
RESIZE_TO(ftruncate64, off64_t)

/* These answer with the error, and set no errno. */
#define ALLOCATE(name, offset_type) \
    int name(int descriptor, offset_type from, offset_type length) { \
        REAL(name); \
        if (is_inside(descriptor) && fails(RESIZE, #name, NULL)) return fault_errno; \
        return real_##name(descriptor, from, length); \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

int fsync(int descriptor) {
    REAL(fsync);
    if (is_inside(descriptor) && fails(SYNC, "fsync", NULL)) return -1;
    return real_fsync(descriptor);
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    if (is_inside(descriptor) && fails(SYNC, "fdatasync", NULL)) return -1;
    return real_fdatasync(descriptor);
}

int flock(int descriptor, int operation) {
    REAL(flock);
    if (is_inside(descriptor) && !(operation & LOCK_UN) && fails(LOCK, "flock", NULL)) return -1;
    return real_flock(descriptor, operation);
}

static int takes_lock(int command, const void *argument) {
    switch (command) {
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return ((const struct flock *)argument)->l_type != F_UNLCK;
    default:
        return 0;
    }
}

#define CONTROL(name) \
    int name(int descriptor, int command, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, command); \
        void *argument = va_arg(rest, void *); \
        va_end(rest); \
        if (is_inside(descriptor) && takes_lock(command, argument) && fails(LOCK, #name, NULL)) return -1; \
        int answer = real_##name(descriptor, command, argument); \
        if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && answer >= 0 && answer < DESCRIPTORS) \
            inside[answer] = is_inside(descriptor) ? (unsigned char)inside[descriptor] : 0; \
        return answer; \
    }
CONTROL(fcntl)
CONTROL(fcntl64)
