#pragma once

// Two secret streams joined by byte queues, with every event kept.

#include <deque>

#include "overlay/transport/secret_stream.hpp"

namespace cip::test {

inline Now at(Duration since_start) { return {TimePoint{} + since_start, UnixMillis{1}}; }

// Pending hellos as a plain list.
class ListedHellos final : public overlay::PendingHellos {
 public:
  void add(overlay::HelloId id, const overlay::BoundKeys& keys) {
    hellos_.push_back({overlay::stream_id(keys.hash, overlay::other(keys.role)), {id, keys}});
  }
  void clear() { hellos_.clear(); }
  const overlay::PendingHello* find_pending(const Bytes32& stream_id) const override {
    for (const auto& hello : hellos_) {
      if (hello.first == stream_id) return &hello.second;
    }
    return nullptr;
  }

 private:
  std::deque<std::pair<Bytes32, overlay::PendingHello>> hellos_;
};

// One end: feeds it, keeps what comes out.
struct StreamEnd {
  explicit StreamEnd(overlay::SecretStream machine) : stream(std::move(machine)) {}

  void feed(Bytes bytes, Now now = at({})) {
    stream.handle_bytes(now, bytes);
    drain();
  }
  void drain() {
    while (const auto event = stream.poll_event()) {
      if (const auto* message = std::get_if<overlay::StreamMessage>(&*event)) {
        messages.push_back(to_bytes(message->plaintext));
      } else if (const auto* end = std::get_if<overlay::StreamClosed>(&*event)) {
        closed = end->error;
      } else if (std::holds_alternative<overlay::StreamOpened>(*event)) {
        ++opened;
      } else {
        ++proven;
      }
    }
  }
  Bytes output(Now now = at({})) { return stream.poll_output(now); }

  overlay::SecretStream stream;
  std::vector<Bytes> messages;
  int opened = 0;
  int proven = 0;
  std::error_code closed;
};

// Carries bytes both ways, in pieces of random size, until nothing moves.
inline void exchange(StreamEnd& a, StreamEnd& b, Random& random, std::size_t largest = 1 << 20) {
  const auto carry = [&](StreamEnd& from, StreamEnd& to) {
    const auto bytes = from.output();
    for (std::size_t done = 0; done < bytes.size();) {
      const auto n = std::min(bytes.size() - done, 1 + random.below(largest));
      to.feed(to_bytes(ByteView(bytes).subspan(done, n)));
      done += n;
    }
    return !bytes.empty();
  };
  a.drain();
  b.drain();
  for (bool moved = true; moved;) {
    moved = carry(a, b);
    moved = carry(b, a) || moved;
  }
}

}  // namespace cip::test
