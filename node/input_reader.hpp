#pragma once

// Reads a file descriptor of any kind (file, pipe, terminal) in a thread of its own, and hands the
// bytes to the io_context no faster than they are asked for.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace cip::node {

class InputReader {
 public:
  // Gets no bytes at the end of the input, and an error when it cannot be read: what came before
  // is a part of it then, not the whole. Nothing follows either.
  using OnInput = std::function<void(const Result<Bytes>&)>;
  // `on_input` runs on `io`.
  InputReader(asio::io_context& io, int fd, OnInput on_input);
  ~InputReader();

  // Asks for up to `room` bytes; one answer for each call. Ignored while one is under way.
  void request(std::size_t room);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace cip::node
