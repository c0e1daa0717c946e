/* Loaded in front of libc, a disk that can be slow or stand still: what a process writes below $HELD_DISK.

   In the folder $HELD_DISK_CONTROL, while there is a file
     hold-sync    fsync, fdatasync and sync_file_range do not return
     hold-write   nor does anything else that changes files
     slow         each of these takes as many milliseconds as the file says
   and `log` gets a line for each sync when it begins to wait, "waits NAME", and when it is done, "done NAME"; for
   what else is held a line as well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_there(const char *name, int *value) {
  char path[4096], text[16] = "";
  snprintf(path, sizeof path, "%s/%s", getenv("HELD_DISK_CONTROL"), name);
  int file = REAL(open)(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  if (value != NULL && read(file, text, sizeof text - 1) > 0) *value = atoi(text);
  close(file);
  return 1;
}

static void tell(const char *what, const char *call, const char *path) {
  char log[4096], line[4096];
  snprintf(log, sizeof log, "%s/log", getenv("HELD_DISK_CONTROL"));
  int length = snprintf(line, sizeof line, "%s %s %s\n", what, call, path);
  int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (REAL(write)(file, line, (size_t)length) < 0) abort();
  close(file);
}

static void sleep_ms(int ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

static int lies_on_disk(const char *path) {
  const char *disk = getenv("HELD_DISK");
  return disk != NULL && strncmp(path, disk, strlen(disk)) == 0;
}

static int path_of(int file, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return lies_on_disk(path);
}

static void wait_for_disk(const char *call, const char *path, int is_sync) {
  int saved = errno, ms = 0, told = is_sync;
  if (is_sync) tell("waits", call, path);
  while (is_there("hold-write", NULL) || (is_sync && is_there("hold-sync", NULL))) {
    if (!told++) tell("waits", call, path);
    sleep_ms(5);
  }
  if (is_there("slow", &ms)) sleep_ms(ms);
  errno = saved;
}

#define SYNC(name, parameters, ...)                            \
  int name parameters {                                        \
    char path[4096];                                           \
    int held = path_of(file, path, sizeof path);               \
    if (held) wait_for_disk(#name, path, 1);                   \
    int result = REAL(name)(__VA_ARGS__);                      \
    if (held) tell("done", #name, path);                       \
    return result;                                             \
  }

#define CHANGE(type, name, parameters, ...)                                        \
  type name parameters {                                                           \
    char path[4096];                                                               \
    if (path_of(file, path, sizeof path)) wait_for_disk(#name, path, 0);           \
    return REAL(name)(__VA_ARGS__);                                                \
  }

#define CHANGE_PATH(name, parameters, ...)                     \
  int name parameters {                                        \
    if (lies_on_disk(path)) wait_for_disk(#name, path, 0);     \
    return REAL(name)(__VA_ARGS__);                            \
  }

SYNC(fsync, (int file), file)
SYNC(fdatasync, (int file), file)
SYNC(sync_file_range, (int file, off64_t at, off64_t size, unsigned flags), file, at, size, flags)

CHANGE(ssize_t, write, (int file, const void *data, size_t size), file, data, size)
CHANGE(ssize_t, pwrite, (int file, const void *data, size_t size, off_t at), file, data, size, at)
CHANGE(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at), file, data, size, at)
CHANGE(ssize_t, writev, (int file, const struct iovec *parts, int count), file, parts, count)
CHANGE(int, ftruncate, (int file, off_t size), file, size)
CHANGE(int, ftruncate64, (int file, off64_t size), file, size)
CHANGE(int, fallocate, (int file, int mode, off_t at, off_t size), file, mode, at, size)
CHANGE(int, fallocate64, (int file, int mode, off64_t at, off64_t size), file, mode, at, size)

CHANGE_PATH(unlink, (const char *path), path)
CHANGE_PATH(rename, (const char *path, const char *to), path, to)
CHANGE_PATH(mkdir, (const char *path, mode_t mode), path, mode)

#define OPEN(name)                                                                        \
  int name(const char *path, int flags, ...) {                                            \
    va_list more;                                                                         \
    va_start(more, flags);                                                                \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;               \
    va_end(more);                                                                         \
    if (flags & O_CREAT && lies_on_disk(path)) wait_for_disk(#name, path, 0);             \
    return REAL(name)(path, flags, mode);                                                 \
  }
OPEN(open)
OPEN(open64)
