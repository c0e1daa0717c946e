#pragma once

// What the tests of this floor share: a home of their own, and an io_context that is run until
// something holds, never slept on.

#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>

#include "node/service.hpp"

namespace cip::test {

// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Runs handlers until the condition holds; false when it did not within the deadline.
bool run_until(asio::io_context& io, const std::function<bool()>& condition,
               std::chrono::milliseconds deadline = std::chrono::seconds{10});

// Keeps what a request answers.
struct Recorder final : node::Handler {
  void on_result(const node::Json& object) override { results.push_back(object); }
  void on_data(ByteView bytes) override { append(data, bytes); }
  void on_progress(const node::Json& object) override { progress.push_back(object); }
  void on_notice(std::string_view sentence) override { notices.emplace_back(sentence); }

  std::vector<node::Json> results, progress;
  Bytes data;
  std::vector<std::string> notices;
};

}  // namespace cip::test
