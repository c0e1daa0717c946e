#pragma once

// A file descriptor that closes itself.

#include <unistd.h>

#include <utility>

namespace cip::node {

class FileDescriptor {
 public:
  // Negative: there is none, as after an open() that failed.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  bool is_open() const { return fd_ >= 0; }
  int operator*() const { return fd_; }
  // The caller closes it from now on.
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(release());
  }

 private:
  int fd_;
};

}  // namespace cip::node
