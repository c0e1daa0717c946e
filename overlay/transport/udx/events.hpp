#pragma once

// Events of all streams in their order, with the bytes that their views need.

#include <optional>
#include <utility>

#include "base/fifo.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

class UdxEvents {
 public:
  void push(UdxEvent event) { queue_.emplace(std::move(event), Bytes()); }
  // A view into a datagram that came in, which the owner keeps until the events are drained and
  // gave to be changed; it is read-only on its way here.
  void push_view(UdxId id, ByteView bytes) {
    const MutableByteView own(const_cast<std::uint8_t*>(bytes.data()), bytes.size());
    queue_.emplace(UdxData{id, own}, Bytes());
  }
  void push_owned(UdxId id, Bytes bytes) {
    const MutableByteView view = bytes;  // stays where it is when the vector moves
    queue_.emplace(UdxData{id, view}, std::move(bytes));
  }

  // The next one; its view is valid until the next call.
  std::optional<UdxEvent> poll() {
    auto next = queue_.pop();
    if (!next) return std::nullopt;
    current_ = std::move(next->bytes);
    return std::move(next->event);
  }

 private:
  struct Queued {
    Queued(UdxEvent e, Bytes b) : event(std::move(e)), bytes(std::move(b)) {}

    UdxEvent event;
    Bytes bytes;
  };

  Fifo<Queued> queue_;
  Bytes current_;
};

}  // namespace cip::overlay
