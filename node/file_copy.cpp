#include "node/file_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crypto.hpp"
#include "base/hash_stream.hpp"
#include "node/file_descriptor.hpp"
#include "node/home.hpp"
#include "node/signals.hpp"

namespace cip::node {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kCopyPiece = std::size_t{256} << 10;

tl::unexpected<Error> unwritten_file(const fs::path& file, int problem) {
  const auto code = exit_code_of_problem(problem);
  return fail_with(code,
                   fmt::format("{} cannot be written: {}", file.string(), std::strerror(problem)),
                   code == ExitCode::full ? "free some space, or name another folder"
                                          : "name a folder that you may write to");
}

tl::unexpected<Error> unread_file(const fs::path& file, int problem) {
  if (problem == ENOENT) {
    return fail_with(ExitCode::corrupt, fmt::format("{} is missing", file.string()),
                     "see what else changes files there, then try again");
  }
  return fail_with(exit_code_of_problem(problem),
                   fmt::format("{} cannot be read: {}", file.string(), std::strerror(problem)));
}

FileDescriptor make_new_file(const fs::path& file) {
  return FileDescriptor(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

// 0, or why not.
int write_piece(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

Outcome<Bytes32> copy_file(const fs::path& from, const fs::path& to, std::uint64_t size) {
  const FileDescriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!in.is_open()) return unread_file(from, errno);
  const auto out = make_new_file(to);
  if (!out.is_open()) return unwritten_file(to, errno);
  HashStream hash;
  Bytes piece(kCopyPiece);
  for (auto left = size; left > 0;) {
    if (caught_signal() != 0) return fail_with(ExitCode::internal, "it was interrupted");
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    const auto n = ::read(*in, piece.data(), wanted);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unread_file(from, errno);
    if (n == 0) {
      return fail_with(
          ExitCode::corrupt,
          fmt::format("{} is shorter than it was: {} bytes are missing", from.string(), left),
          "see what else changes files there, then try again");
    }
    const auto bytes = ByteView(piece).first(static_cast<std::size_t>(n));
    if (const int problem = write_piece(*out, bytes); problem != 0)
      return unwritten_file(to, problem);
    hash.update(bytes);
    left -= bytes.size();
  }
  if (::fsync(*out) != 0) return unwritten_file(to, errno);
  return hash.finish();
}

Outcome<Bytes32> write_new_file(const fs::path& to, ByteView bytes) {
  const auto out = make_new_file(to);
  if (!out.is_open()) return unwritten_file(to, errno);
  if (const int problem = write_piece(*out, bytes); problem != 0)
    return unwritten_file(to, problem);
  if (::fsync(*out) != 0) return unwritten_file(to, errno);
  return hash(bytes);
}

Outcome<void> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0) return unwritten_file(folder, errno);
  return {};
}

Outcome<void> sync_folder(const fs::path& folder) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(*fd) != 0) return unwritten_file(folder, errno);
  return {};
}

Outcome<void> move_into_place(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return unwritten_file(to, errno);
  return {};
}

}  // namespace cip::node
