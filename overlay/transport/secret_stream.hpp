#pragma once

// One encrypted duplex connection as a machine: bytes of an ordered transport in and out, messages
// up and down (feeds.md 3; dht.md 15 and 18.2). It does not know what carries the bytes.
//
//   frame   = u24 length || body                          length: of the body, little endian
//   XX      : Noise 1 (32), 2 (96), 3 (64); then first (56) each way; then messages
//   bound   : first (56) each way; then the proof as first message (49); then messages
//   stock   : first (56) each way, at once; then messages (udx.md 16)
//   message = libsodium secretstream, tag MESSAGE: plaintext + 17 bytes; empty: keep-alive
//
// A bound stream: the responder proves itself on every connection of a hello; the initiator picks
// one connection with choose(), where it proves itself; only then the stream is open.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <variant>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/transport/bound.hpp"
#include "overlay/transport/errors.hpp"
#include "overlay/transport/frame_sink.hpp"
#include "overlay/transport/noise.hpp"
#include "overlay/transport/stream_cipher.hpp"

namespace cip::overlay {

inline constexpr std::size_t kMaxFrameBody = 0xffffff;
inline constexpr std::size_t kMessageOverhead = 17;  // tag byte and MAC
inline constexpr std::size_t kMaxPlaintext = kMaxFrameBody - kMessageOverhead;

// From accept to proof (dht.md 18.2), and the same for the side that dialled, which also has the
// round trips of the transport's own handshake in it. Either side of a stream with a stock peer
// waits so long too: it may have to find a path first (udx.md 14.4).
inline constexpr Duration kAcceptedProofTimeout = std::chrono::seconds(5);
inline constexpr Duration kDialledProofTimeout = std::chrono::seconds(10);
// Sent after this long without other output.
inline constexpr Duration kKeepAliveInterval = std::chrono::seconds(5);
// A peer that is known to keep alive is given up after six intervals without a byte.
inline constexpr Duration kPeerSilenceLimit = std::chrono::seconds(30);

// The stream is open: messages may be sent, and come from now on. Once.
struct StreamOpened {};
// Initiator of a bound stream: the other side has proven itself on this connection. The owner calls
// choose() on exactly one connection of the hello and drops the others.
struct BoundProven {};
// A message. The view is valid until the next call of poll_event() or handle_bytes(). Never empty.
struct StreamMessage {
  ByteView plaintext;
};
// The machine gave up. The owner closes the transport, after writing what poll_output() still has
// if `error` is StreamErrc::ended, at once otherwise. Last event.
struct StreamClosed {
  std::error_code error;
};
using StreamEvent = std::variant<StreamOpened, BoundProven, StreamMessage, StreamClosed>;

// Inputs: handle_*(). After every input drain poll_event() until it gives none (the bytes handed to
// handle_bytes() may be dropped only then), then take poll_output(), then re-arm next_timeout().
class SecretStream final : public FrameSink {
 public:
  // Opens with Noise XX over a transport that is connected. With `expected` only to the holder of
  // that key: to others the own key is not told.
  static SecretStream dial_xx(Now now, const KeyPair& static_key, Random& random,
                              std::optional<PublicKey> expected = std::nullopt);
  // Opens a stream of a hello over a transport that this side dialled.
  static SecretStream dial_bound(Now now, HelloId hello, const BoundKeys& keys, Random& random);
  // Opens a stream of a hello with a stock peer, whoever greeted whom: both sides send their first
  // frames without waiting, and are open when they have read the other's. That one proves nothing,
  // since relays of the hello can make it; the first message does.
  static SecretStream open_stock(Now now, const BoundKeys& keys, Random& random);
  // Waits on an accepted transport; the length of the first frame tells the kinds apart. `pending`
  // outlives the stream.
  static SecretStream accept(Now now, const KeyPair& static_key, const PendingHellos& pending,
                             Random& random);

  SecretStream(SecretStream&&) noexcept;
  SecretStream& operator=(SecretStream&&) noexcept;
  ~SecretStream();

  // --- inputs

  // Bytes as they came. They are decrypted where they are, so they must stay until poll_event()
  // gives nothing more.
  void handle_bytes(Now now, MutableByteView bytes);
  void handle_timeout(Now now);
  // Initiator, after BoundProven: use this connection. StreamOpened follows.
  void choose(Now now);

  // --- sending, once open; before that and after the end nothing is sent and false returned

  // One message, made of the parts in order; at most kMaxPlaintext bytes together.
  bool send_frame(std::span<const ByteView> parts) override;
  bool send(ByteView message) { return send_frame({&message, 1}); }

  // --- outputs

  std::optional<StreamEvent> poll_event();
  // All bytes for the transport so far; empty when there are none. What is taken counts as written
  // now. Many messages make one piece.
  Bytes poll_output(Now now);
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  bool is_open() const { return state_ == State::open; }
  bool is_closed() const { return state_ == State::closed; }
  // The other side is who it claims to be: no longer an unproven socket (dht.md 18.2). With a stock
  // peer later than is_open().
  bool is_proven() const { return proven_; }
  // Messages went both ways, keep-alives not counted.
  bool is_used() const { return proven_ && sent_ && last_message_ != TimePoint{}; }
  // Of bound streams, as soon as it is known.
  std::optional<HelloId> hello() const {
    return bound_ ? std::optional<HelloId>(hello_) : std::nullopt;
  }
  Role role() const { return role_; }
  // Once open.
  const PublicKey& remote_key() const { return keys_.peer; }
  // Handshake hash, or hash' of a bound stream: what capabilities are derived from.
  const Bytes64& handshake_hash() const { return keys_.hash; }
  // When bytes came last, and bytes that were more than a keep-alive.
  TimePoint last_read() const { return last_read_; }
  TimePoint last_message() const { return last_message_; }
  // Bytes of an unfinished frame held here; counts into the bound for all streams together.
  std::size_t unfinished_bytes() const;
  // Bytes waiting for poll_output().
  std::size_t pending_output() const { return out_.size(); }

 private:
  enum class State : std::uint8_t {
    accepting,      // listener: the first frame tells the kind
    xx_wait_2,      // initiator: message 1 is sent
    xx_wait_3,      // responder: message 2 is sent
    xx_wait_first,  // Noise is done, the other's first frame is awaited
    bound_wait_first,
    stock_wait_first,
    bound_wait_proof,
    bound_proven,  // initiator: choose() is awaited
    open,
    closed,
  };

  SecretStream(Now now, State state, Random& random, Duration proof_timeout);

  // Handshake, one frame at a time.
  bool is_legal_length(std::size_t body) const;
  void handle_handshake_frame(Now now, MutableByteView body);
  void read_noise_1(ByteView body);
  void read_noise_2(ByteView body);
  void read_noise_3(ByteView body);
  void finish_noise();
  void accept_bound(ByteView body);
  void read_first(Now now, ByteView body);
  void read_proof(Now now, MutableByteView body);
  void send_first();
  void send_proof();
  void begin_receiving(ByteView first);
  void begin_proof();
  void open_now(Now now);
  void close(std::error_code error);

  // Frames out of the input: whole ones where they are, split ones from `partial_`.
  std::optional<MutableByteView> next_frame();
  std::optional<MutableByteView> complete_partial();
  bool check_length(std::size_t body);
  std::optional<StreamEvent> read_message();
  void append_frame(ByteView body);
  void append_message(std::span<const ByteView> parts, std::size_t size);
  // Our own nodes keep every bound stream alive; others are known to when they once did.
  bool silence_counts() const { return bound_ || peer_keeps_alive_; }

  State state_;
  Role role_ = Role::initiator;
  bool bound_ = false;
  bool proven_ = false;
  bool peer_keeps_alive_ = false;
  bool sent_ = false;  // a message that was more than a keep-alive
  Random* random_;
  const PendingHellos* pending_ = nullptr;
  std::unique_ptr<NoiseHandshake> noise_;
  KeyPair static_key_;
  std::optional<PublicKey> expected_;  // of dial_xx()
  HelloId hello_ = 0;
  BoundKeys keys_;  // of an XX stream as well, once Noise is done
  FirstFrame own_first_{};
  FirstFrame others_first_{};
  MessageSealer sealer_;
  MessageOpener opener_;

  MutableByteView input_;  // what handle_bytes() was given and is not read yet
  Bytes partial_;          // a frame that began in earlier bytes, length included
  bool partial_is_read_ = false;
  Bytes out_;
  std::deque<StreamEvent> events_;
  TimePoint proof_deadline_;
  TimePoint last_read_{};
  TimePoint last_message_{};
  TimePoint last_write_{};
};

}  // namespace cip::overlay
