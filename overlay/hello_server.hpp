#pragma once

// The answering side of hellos (dht.md 12 "Server procedure", and 18): message 1 in, message 2 out.
// Pure: who carries the messages is the greeter's business.

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/hello_offer.hpp"
#include "overlay/transport/bound.hpp"
#include "overlay/transport/link.hpp"
#include "overlay/transport/punch_offer.hpp"

namespace cip::overlay {

class Punches;
class UdxStreams;

// Message 2 is repeated for the same message 1 this long; so many are kept, oldest out.
inline constexpr Duration kAnswerLife = std::chrono::seconds(10);
inline constexpr std::size_t kMaxAnswers = 1024;
// After that a message 1 is refused for as long as it is remembered: whoever recorded it would have
// state kept for a peer who is not there. Two generations of an hour, or of so many, whichever ends
// first; a flood at the full rate is remembered for five minutes.
inline constexpr Duration kReplayGeneration = std::chrono::hours(1);
inline constexpr std::size_t kMaxRemembered = 65'536;
// A hello costs some 0.5 ms of curve arithmetic, so strangers get a bounded share of the processor:
// sustained per second, and at once.
inline constexpr double kHellosPerSecond = 200;
inline constexpr double kHelloBurst = 400;

class HelloServer {
 public:
  explicit HelloServer(const KeyPair& identity) : identity_(identity) {}

  // Only these keys are answered; none: everybody but the denied. The others get silence.
  void allow_only(std::optional<std::set<PublicKey>> keys) { allowed_ = std::move(keys); }
  void deny(const PublicKey& key) { denied_.insert(key); }
  // On, unless a test shows what happens without it.
  void refuse_replays(bool refuse) { refuses_replays_ = refuse; }

  struct Answer {
    Bytes message2;
    bool repeated = false;  // given before; the rest is empty
    PublicKey peer{};
    // There if the peer can open a bound stream, and if it holds the own key: by them the asking
    // side tells that it met itself. Hello ids are the caller's.
    std::optional<BoundKeys> keys;
    std::vector<Endpoint> dial_back;  // where the peer asks to be dialled; not limited yet
    // There, and `keys` with it, if a stream over UDX was made: a cipnode may call it, a stock peer
    // has no other.
    std::optional<UdxEnds> udx;
    // A holepunch is expected: the answer leaves from its socket (Punches), whenever it is given.
    PunchId punch = 0;
  };
  // A hello as it came.
  struct Received {
    ByteView message1;
    Endpoint seen;         // the client
    bool relayed = false;  // it came by way of a relay
  };
  // `udx`: where streams over UDX are made; null: there are none. `punches`: the same of holes for
  // them. None: silence.
  std::optional<Answer> handle(Now now, const Received& hello, const Offer& offer, Random& random,
                               UdxStreams* udx = nullptr, Punches* punches = nullptr);

  struct Stats {
    std::uint64_t ignored = 0;    // did not decrypt
    std::uint64_t denied = 0;     // by the owner's lists
    std::uint64_t throttled = 0;  // above kHellosPerSecond
    std::uint64_t replayed = 0;   // answered before, and too old to be a repetition
  };
  const Stats& stats() const { return stats_; }

 private:
  struct Given {
    Bytes message2;
    PunchId punch = 0;
  };
  struct Kept {
    TimePoint expires;
    Bytes32 digest;
  };

  bool is_welcome(const PublicKey& key) const;
  bool take_turn(Now now);
  void keep(Now now, const Bytes32& digest, Given given);
  void remember(Now now, const Bytes32& digest);
  bool was_answered(const Bytes32& digest) const;
  HelloPayload make_answer(const HelloPayload& theirs, Endpoint seen, const Offer& offer,
                           UdxId own) const;
  static bool expects_punch(const HelloPayload& theirs, const Received& hello, const Offer& offer);

  KeyPair identity_;
  std::optional<std::set<PublicKey>> allowed_;
  std::set<PublicKey> denied_;
  std::unordered_map<Bytes32, Given, Bytes32Hash> answers_;  // by hash of message 1
  std::deque<Kept> ages_;
  bool refuses_replays_ = true;
  // The first bytes of digests, by generation; the older one goes when the younger is over.
  std::unordered_set<std::uint64_t> remembered_, remembered_before_;
  TimePoint generation_began_{};
  double turns_ = kHelloBurst;
  TimePoint turns_at_{};
  Stats stats_;
};

// Prologue of both messages.
const Bytes32& hello_prologue();

}  // namespace cip::overlay
