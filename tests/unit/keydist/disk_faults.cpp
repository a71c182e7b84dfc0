#include "disk_faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace henb::keydist::test {
namespace {

std::atomic<DiskFaults::Kind> g_kind{DiskFaults::Kind::kNone};
std::atomic<int> g_failed{0};
std::mutex g_mutex;
std::string* g_part = new std::string;

bool IsMeant(std::string_view path) {
  const std::lock_guard lock(g_mutex);
  return path.find(*g_part) != std::string_view::npos;
}

/// The fault that is to befall this descriptor.
DiskFaults::Kind FaultOf(int fd) {
  const DiskFaults::Kind kind = g_kind.load();
  if (kind == DiskFaults::Kind::kNone) return kind;
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size > 0 && IsMeant({path, static_cast<std::size_t>(size)}) ? kind : DiskFaults::Kind::kNone;
}

int Fail(int error) {
  g_failed.fetch_add(1);
  errno = error;
  return -1;
}

template <typename F>
F Real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

/// `real` writes so many octets.
template <typename F>
ssize_t Write(int fd, std::size_t size, const F& real) {
  switch (FaultOf(fd)) {
    case DiskFaults::Kind::kNoSpace:
      return Fail(ENOSPC);
    case DiskFaults::Kind::kIoError:
      return Fail(EIO);
    case DiskFaults::Kind::kReadOnly:
      return Fail(EROFS);
    case DiskFaults::Kind::kShortWrite:
      if (size < 2) return Fail(ENOSPC);
      g_failed.fetch_add(1);
      return real(size / 2);
    case DiskFaults::Kind::kSyncFails:
    case DiskFaults::Kind::kNone:
      break;
  }
  return real(size);
}

int Sync(int fd, const char* name) {
  const DiskFaults::Kind kind = FaultOf(fd);
  if (kind == DiskFaults::Kind::kSyncFails || kind == DiskFaults::Kind::kIoError) return Fail(EIO);
  return Real<int (*)(int)>(name)(fd);
}

int Truncate(int fd, off_t size, const char* name) {
  const DiskFaults::Kind kind = FaultOf(fd);
  if (kind == DiskFaults::Kind::kReadOnly) return Fail(EROFS);
  if (kind == DiskFaults::Kind::kIoError) return Fail(EIO);
  return Real<int (*)(int, off_t)>(name)(fd, size);
}

int Open(const char* path, int flags, mode_t mode, const char* name) {
  if (g_kind.load() == DiskFaults::Kind::kReadOnly && (flags & O_ACCMODE) != O_RDONLY && IsMeant(path))
    return Fail(EROFS);
  return Real<int (*)(const char*, int, mode_t)>(name)(path, flags, mode);
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

void DiskFaults::Set(Kind kind, std::string part) {
  const std::lock_guard lock(g_mutex);
  *g_part = std::move(part);
  g_failed = 0;
  g_kind = kind;
}

int DiskFaults::failed() { return g_failed; }

}  // namespace henb::keydist::test

using namespace henb::keydist::test;  // NOLINT: what follows are libc's own names.

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  return Write(fd, size, [&](size_t n) { return Real<ssize_t (*)(int, const void*, size_t)>("write")(fd, data, n); });
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return Write(fd, size,
               [&](size_t n) { return Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite")(fd, data, n, at); });
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return Write(fd, size, [&](size_t n) {
    return Real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64")(fd, data, n, at);
  });
}
int fsync(int fd) { return Sync(fd, "fsync"); }
int fdatasync(int fd) { return Sync(fd, "fdatasync"); }
int ftruncate(int fd, off_t size) noexcept { return Truncate(fd, size, "ftruncate"); }
int ftruncate64(int fd, off64_t size) noexcept { return Truncate(fd, size, "ftruncate64"); }
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open(path, flags, mode, "open");
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open(path, flags, mode, "open64");
}

}  // extern "C"
