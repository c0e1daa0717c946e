#include "tests/unit/node/support.hpp"

#include <cstdlib>

namespace cip::test {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "cipnode-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool run_until(asio::io_context& io, const std::function<bool()>& condition,
               std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  io.restart();
  while (!condition()) {
    if (io.run_one_until(end) == 0 && std::chrono::steady_clock::now() >= end) return condition();
    if (io.stopped()) {
      io.restart();
      if (io.poll_one() == 0) return condition();
    }
  }
  return true;
}

}  // namespace cip::test
