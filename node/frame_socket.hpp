#pragma once

// A Unix socket that carries frames: the part that both ends of the control connection share.

#include <asio/local/stream_protocol.hpp>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>

#include "node/error.hpp"
#include "node/frame.hpp"

namespace cip::node {

// Lives as long as a handler of its own is under way; close() ends that. One thread.
class FrameSocket : public std::enable_shared_from_this<FrameSocket> {
 public:
  using Socket = asio::local::stream_protocol::socket;

  explicit FrameSocket(Socket socket) : socket_(std::move(socket)) {}

  // Frames arrive in order; `on_closed` comes once, and not after close().
  void start(std::function<void(Frame)> on_frame, std::function<void()> on_closed);
  void send(Bytes frame);
  // Bytes that wait to be written.
  std::size_t queued() const { return queued_; }
  // Sends what is queued, then closes. Nobody is called back any more.
  void close_after_writes();
  void close();

 private:
  void read();
  void write();
  void stop_writing();
  void end();

  Socket socket_;
  FrameReader reader_;
  std::array<std::uint8_t, 64 * 1024> chunk_{};
  std::deque<Bytes> outgoing_;
  std::size_t queued_ = 0;
  bool writing_ = false;
  bool closing_ = false;
  bool can_write_ = true;
  std::function<void(Frame)> on_frame_;
  std::function<void()> on_closed_;
};

// The address of a socket file, whose path may be longer than the 107 bytes the kernel takes: then
// it goes by way of the directory's file descriptor, which this object keeps open.
class SocketAddress {
 public:
  explicit SocketAddress(const std::filesystem::path& file);
  SocketAddress(const SocketAddress&) = delete;
  SocketAddress& operator=(const SocketAddress&) = delete;
  ~SocketAddress();
  asio::local::stream_protocol::endpoint endpoint() const { return {text_}; }

 private:
  int directory_ = -1;
  std::string text_;
};

}  // namespace cip::node
