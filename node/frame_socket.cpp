#include "node/frame_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/write.hpp>

namespace cip::node {

void FrameSocket::start(std::function<void(Frame)> on_frame, std::function<void()> on_closed) {
  on_frame_ = std::move(on_frame);
  on_closed_ = std::move(on_closed);
  read();
}

void FrameSocket::send(Bytes frame) {
  if (!socket_.is_open() || closing_ || !can_write_) return;
  queued_ += frame.size();
  outgoing_.push_back(std::move(frame));
  if (!writing_) write();
}

void FrameSocket::close_after_writes() {
  closing_ = true;
  on_frame_ = nullptr;
  on_closed_ = nullptr;
  if (!writing_) close();
}

void FrameSocket::close() {
  on_frame_ = nullptr;
  on_closed_ = nullptr;
  std::error_code ignored;
  socket_.close(ignored);
}

void FrameSocket::read() {
  auto self = shared_from_this();
  socket_.async_read_some(asio::buffer(chunk_), [self](std::error_code error, std::size_t n) {
    if (error) return self->end();
    self->reader_.feed(ByteView(self->chunk_).first(n));
    while (auto frame = self->reader_.next()) {
      // A copy: the callee may close this socket, which clears the member.
      if (const auto on_frame = self->on_frame_) on_frame(std::move(*frame));
    }
    if (self->reader_.failed()) return self->end();
    if (self->socket_.is_open()) self->read();
  });
}

void FrameSocket::write() {
  writing_ = true;
  auto self = shared_from_this();
  asio::async_write(socket_, asio::buffer(outgoing_.front()),
                    [self](std::error_code error, std::size_t n) {
                      self->writing_ = false;
                      if (error) return self->stop_writing();
                      self->queued_ -= n;
                      self->outgoing_.pop_front();
                      if (!self->outgoing_.empty()) return self->write();
                      if (self->closing_) self->close();
                    });
}

// The other side takes nothing any more. What it said before that is still read: its end ends this
// socket.
void FrameSocket::stop_writing() {
  if (closing_) return close();
  outgoing_.clear();
  queued_ = 0;
  can_write_ = false;
}

void FrameSocket::end() {
  if (const auto on_closed = std::exchange(on_closed_, nullptr)) on_closed();
  close();
}

SocketAddress::SocketAddress(const std::filesystem::path& file) : text_(file.string()) {
  if (text_.size() < 108) return;
  directory_ = ::open(file.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  text_ = fmt::format("/proc/self/fd/{}/{}", directory_, file.filename().string());
}

SocketAddress::~SocketAddress() {
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace cip::node
