/* Preloaded into a process, this records what the process does to files below a directory, in the order in which it
 * happens, so that `model.py` can tell what a disk may hold after a power cut; and it lets such calls fail on request.
 *
 * SHIM_ROOT   the directory, an absolute path without symbolic links
 * SHIM_TRACE  the record: it is appended to, by all processes
 * SHIM_FAULT  a file of `struct fault`, mapped, which the test changes while processes run
 *
 * An entry of the record: length of the payload (4 bytes), kind (1), inode (8), offset (8), payload.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ = 1, WRITE = 2, SYNC = 4, OPEN = 8, NAME = 16 };
enum { DESCRIPTORS = 65536 };

struct fault {
  int32_t kinds, error, skip, count, hits; /* count: how many calls fail; below 0: all */
  char match[236];                         /* part of the path */
};

static const char *root;
static int trace = -1;
static struct fault *fault;
static char *paths[DESCRIPTORS]; /* of open descriptors below the root */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void record(char kind, uint64_t inode, int64_t offset, const void *data, size_t size) {
  struct { uint32_t length; char kind; uint64_t inode; int64_t offset; } __attribute__((packed)) head = {
      (uint32_t)size, kind, inode, offset};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, size}};
  if (trace >= 0) syscall(SYS_writev, trace, parts, 2);
}

static uint64_t inode_of(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 ? found.st_ino : 0;
}

static uint64_t inode_at(int descriptor) {
  struct stat found;
  return fstat(descriptor, &found) == 0 ? found.st_ino : 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *to = getenv("SHIM_TRACE"), *faults = getenv("SHIM_FAULT");
  root = getenv("SHIM_ROOT");
  if (root && to) {
    trace = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char name[PATH_MAX];
    record('M', inode_of(root), 0, name, (size_t)snprintf(name, sizeof name, "%c%s", 0, root));
  }
  if (root && faults) {
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, faults, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED) fault = mapped;
    close(descriptor);
  }
}

/* The absolute path, if it is below the root; else NULL. */
static const char *below(int directory, const char *path, char *buffer) {
  if (!root || !path) return NULL;
  if (path[0] == '/') {
    snprintf(buffer, PATH_MAX, "%s", path);
  } else {
    char link[64], base[PATH_MAX / 2];
    if (directory == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t size = readlink(link, base, sizeof base - 1);
    if (size < 0) return NULL;
    base[size] = 0;
    snprintf(buffer, PATH_MAX, "%s/%s", base, path);
  }
  size_t length = strlen(root);
  return strncmp(buffer, root, length) == 0 && (buffer[length] == '/' || !buffer[length]) ? buffer : NULL;
}

static const char *path_of(int descriptor) {
  return descriptor >= 0 && descriptor < DESCRIPTORS ? paths[descriptor] : NULL;
}

static int fails(int kind, const char *path) {
  if (!fault || !(fault->kinds & kind) || !strstr(path, fault->match) || !fault->count) return 0;
  if (fault->skip > 0 && fault->skip--) return 0;
  if (fault->count > 0) fault->count--;
  fault->hits++;
  errno = fault->error;
  return 1;
}

/* opening and closing */

static int opened(int directory, const char *path, int flags, mode_t mode) {
  char buffer[PATH_MAX];
  const char *name = below(directory, path, buffer);
  if (!name) return (int)REAL(openat)(directory, path, flags, mode);
  pthread_mutex_lock(&turn);
  int existed = inode_of(name) != 0, descriptor = -1;
  if (!fails(OPEN, name)) descriptor = (int)REAL(openat)(directory, path, flags, mode);
  int error = errno;
  if (descriptor >= 0) {
    uint64_t inode = inode_at(descriptor);
    if (!existed && (flags & O_TMPFILE) != O_TMPFILE) record('C', inode, 0, name, strlen(name));
    if (existed && (flags & O_TRUNC)) record('T', inode, 0, NULL, 0);
    if (descriptor < DESCRIPTORS) paths[descriptor] = strdup(name);
  }
  pthread_mutex_unlock(&turn);
  errno = error;
  return descriptor;
}

#define OPENS(name)                                     \
  int name(const char *path, int flags, ...) {          \
    va_list more;                                       \
    va_start(more, flags);                              \
    mode_t mode = va_arg(more, mode_t);                 \
    va_end(more);                                       \
    return opened(AT_FDCWD, path, flags, mode);         \
  }
#define OPENS_AT(name)                                        \
  int name(int directory, const char *path, int flags, ...) { \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = va_arg(more, mode_t);                       \
    va_end(more);                                             \
    return opened(directory, path, flags, mode);              \
  }
OPENS(open)
OPENS(open64)
OPENS_AT(openat64)
int openat(int directory, const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return opened(directory, path, flags, mode);
}

int close(int descriptor) {
  if (path_of(descriptor)) {
    pthread_mutex_lock(&turn);
    free(paths[descriptor]);
    paths[descriptor] = NULL;
    pthread_mutex_unlock(&turn);
  }
  return REAL(close)(descriptor);
}

/* content */

static ssize_t written(int descriptor, const char *path, const void *data, size_t size, off_t offset, int at) {
  pthread_mutex_lock(&turn);
  ssize_t done = -1;
  if (!fails(WRITE, path)) {
    if (!at) offset = fcntl(descriptor, F_GETFL) & O_APPEND ? lseek(descriptor, 0, SEEK_END) : lseek(descriptor, 0, SEEK_CUR);
    done = at ? syscall(SYS_pwrite64, descriptor, data, size, offset) : syscall(SYS_write, descriptor, data, size);
  }
  int error = errno;
  if (done > 0) record('W', inode_at(descriptor), offset, data, (size_t)done);
  pthread_mutex_unlock(&turn);
  errno = error;
  return done;
}

ssize_t write(int descriptor, const void *data, size_t size) {
  const char *path = path_of(descriptor);
  return path ? written(descriptor, path, data, size, 0, 0) : syscall(SYS_write, descriptor, data, size);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
  const char *path = path_of(descriptor);
  return path ? written(descriptor, path, data, size, offset, 1) : syscall(SYS_pwrite64, descriptor, data, size, offset);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
  return pwrite(descriptor, data, size, offset);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (!path_of(descriptor)) return REAL(writev)(descriptor, parts, count);
  ssize_t all = 0;
  for (int number = 0; number < count; number++) {
    ssize_t done = write(descriptor, parts[number].iov_base, parts[number].iov_len);
    if (done < 0) return all ? all : done;
    all += done;
    if ((size_t)done < parts[number].iov_len) break;
  }
  return all;
}

static int cut(int descriptor, off_t size, int (*call)(int, off_t)) {
  const char *path = path_of(descriptor);
  if (!path) return call(descriptor, size);
  pthread_mutex_lock(&turn);
  int done = fails(WRITE, path) ? -1 : call(descriptor, size);
  int error = errno;
  if (done == 0) record('T', inode_at(descriptor), size, NULL, 0);
  pthread_mutex_unlock(&turn);
  errno = error;
  return done;
}
int ftruncate(int descriptor, off_t size) { return cut(descriptor, size, REAL(ftruncate)); }
int ftruncate64(int descriptor, off64_t size) { return cut(descriptor, size, REAL(ftruncate)); }

static ssize_t got(int descriptor, void *data, size_t size, off_t offset, int at) {
  const char *path = path_of(descriptor);
  if (path && fails(READ, path)) return -1;
  return at ? syscall(SYS_pread64, descriptor, data, size, offset) : syscall(SYS_read, descriptor, data, size);
}
ssize_t read(int descriptor, void *data, size_t size) { return got(descriptor, data, size, 0, 0); }
ssize_t pread(int descriptor, void *data, size_t size, off_t offset) { return got(descriptor, data, size, offset, 1); }
ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset) { return got(descriptor, data, size, offset, 1); }

static int synced(int descriptor, int (*call)(int)) {
  const char *path = path_of(descriptor);
  if (!path) return call(descriptor);
  pthread_mutex_lock(&turn);
  int failed = fails(SYNC, path), done = failed ? -1 : call(descriptor), error = errno;
  record(done == 0 ? 'S' : 'F', inode_at(descriptor), 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  errno = error;
  return done;
}
int fsync(int descriptor) { return synced(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return synced(descriptor, REAL(fdatasync)); }

/* names */

/* Make a call about one or two paths, and record both behind one another with a NUL between them. */
#define NAMES(kind, first_directory, first, second_directory, second, expression)            \
  char one[PATH_MAX], two[PATH_MAX], both[2 * PATH_MAX];                                     \
  const char *from = below(first_directory, first, one), *to = below(second_directory, second, two); \
  if (!from && !to) return expression;                                                       \
  pthread_mutex_lock(&turn);                                                                 \
  int done = fails(NAME, to ? to : from) ? -1 : (expression);                                \
  int error = errno;                                                                         \
  if (done == 0) {                                                                           \
    int size = snprintf(both, sizeof both, "%s%c%s", from ? from : "", 0, to ? to : "");     \
    record(kind, to ? inode_of(to) : 0, 0, both, (size_t)size);                              \
  }                                                                                          \
  pthread_mutex_unlock(&turn);                                                               \
  errno = error;                                                                             \
  return done;

int rename(const char *old, const char *new) { NAMES('R', AT_FDCWD, old, AT_FDCWD, new, REAL(rename)(old, new)) }
int renameat(int a, const char *old, int b, const char *new) { NAMES('R', a, old, b, new, REAL(renameat)(a, old, b, new)) }
int link(const char *old, const char *new) { NAMES('L', AT_FDCWD, old, AT_FDCWD, new, REAL(link)(old, new)) }
int linkat(int a, const char *old, int b, const char *new, int flags) {
  NAMES('L', a, old, b, new, REAL(linkat)(a, old, b, new, flags))
}
int unlink(const char *path) { NAMES('U', AT_FDCWD, path, AT_FDCWD, NULL, REAL(unlink)(path)) }
int unlinkat(int directory, const char *path, int flags) {
  NAMES('U', directory, path, AT_FDCWD, NULL, REAL(unlinkat)(directory, path, flags))
}
int rmdir(const char *path) { NAMES('U', AT_FDCWD, path, AT_FDCWD, NULL, REAL(rmdir)(path)) }
int mkdir(const char *path, mode_t mode) { NAMES('M', AT_FDCWD, NULL, AT_FDCWD, path, REAL(mkdir)(path, mode)) }
int mkdirat(int directory, const char *path, mode_t mode) {
  NAMES('M', AT_FDCWD, NULL, directory, path, REAL(mkdirat)(directory, path, mode))
}
