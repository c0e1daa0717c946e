#pragma once

// Reads a file descriptor of any kind (file, pipe, terminal) in a thread of its own, and hands the
// bytes to the io_context no faster than they are asked for.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "base/bytes.hpp"

namespace cip::node {

class InputReader {
 public:
  // `on_bytes` gets an empty view at the end of the input, or when it cannot be read. Runs on `io`.
  InputReader(asio::io_context& io, int fd, std::function<void(ByteView)> on_bytes);
  ~InputReader();

  // Asks for up to `room` bytes; one answer for each call. Ignored while one is under way.
  void request(std::size_t room);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace cip::node
