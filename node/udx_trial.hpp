#pragma once

// Whether streams over UDP work on this host: two sockets of its own, a stream between them, some
// bytes there and back.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/random.hpp"
#include "base/time.hpp"

namespace cip::node {

class UdxTrial {
 public:
  struct Result {
    std::error_code error;  // of a socket; timed_out: nothing came back in time
    Duration took{};
  };

  UdxTrial(asio::io_context& io, Random& random);
  ~UdxTrial();

  // Once, within kUdxTrialTime; never after its end.
  void start(std::function<void(const Result&)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr Duration kUdxTrialTime = std::chrono::seconds(2);
inline constexpr std::size_t kUdxTrialBytes = 64 * 1024;

}  // namespace cip::node
