// Two streams of one hello (or of Noise XX, by the first byte) whose bytes the input cuts, tampers
// with and mixes with its own. Every message that is handed up is one that was sent, in order; an
// untouched connection never breaks.
//
//   input = kind, then steps: 0..99 carry up to that many bytes, 100..179 send a message of that
//   size, 180..199 flip a bit of what is carried next, else insert a byte

#include "overlay/transport/secret_stream.hpp"

#include <deque>

#include "base/assert.hpp"

namespace {

using namespace cip;
using namespace cip::overlay;

class OneHello final : public PendingHellos {
 public:
  explicit OneHello(const BoundKeys& keys) : hello_{1, keys} {}
  const PendingHello* find_pending(const Bytes32& id) const override {
    return id == stream_id(hello_.keys.hash, other(hello_.keys.role)) ? &hello_ : nullptr;
  }

 private:
  PendingHello hello_;
};

struct End {
  explicit End(SecretStream machine) : stream(std::move(machine)) {}

  void drain() {
    while (const auto event = stream.poll_event()) {
      if (std::holds_alternative<BoundProven>(*event)) stream.choose({});
      const auto* message = std::get_if<StreamMessage>(&*event);
      if (message == nullptr) continue;
      CIP_ASSERT(!expected.empty());
      CIP_ASSERT(equal(message->plaintext, expected.front()));
      expected.pop_front();
    }
    append(wire, stream.poll_output({}));
  }

  SecretStream stream;
  Bytes wire;                  // written, not carried yet
  std::deque<Bytes> expected;  // sent to this end, not arrived yet
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || !init_crypto()) return 0;
  SeededRandom random(1);
  const bool bound = data[0] % 2 == 0;
  const auto keys = [](Role role) { return make_bound_keys(role, {1}, {2}, {3}, {}); };
  const OneHello pending(keys(Role::responder));
  End a(bound ? SecretStream::dial_bound({}, 1, keys(Role::initiator), random)
              : SecretStream::dial_xx({}, make_key_pair({1}), random));
  End b(SecretStream::accept({}, make_key_pair({2}), pending, random));
  bool touched = false;
  std::uint8_t flip = 0;
  a.drain();
  for (std::size_t i = 1; i < size; ++i) {
    End& from = i % 2 == 0 ? a : b;
    End& to = i % 2 == 0 ? b : a;
    const auto step = data[i];
    if (step < 100) {
      const auto n = std::min<std::size_t>(from.wire.size(), step);
      Bytes piece(from.wire.begin(), from.wire.begin() + static_cast<std::ptrdiff_t>(n));
      from.wire.erase(from.wire.begin(), from.wire.begin() + static_cast<std::ptrdiff_t>(n));
      if (!piece.empty() && flip != 0) {
        piece[flip % piece.size()] ^= flip;
        flip = 0;
      }
      to.stream.handle_bytes({}, piece);
      to.drain();
    } else if (step < 180) {
      const Bytes message(step, static_cast<std::uint8_t>(i));
      if (from.stream.send(message)) to.expected.push_back(message);
      from.drain();
    } else {
      touched = true;
      if (step < 200) {
        flip = step;
      } else {
        from.wire.insert(from.wire.begin(), step);
      }
    }
  }
  CIP_ASSERT(touched || (!a.stream.is_closed() && !b.stream.is_closed()));
  return 0;
}
