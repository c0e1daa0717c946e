#include "overlay/transport/secret_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::overlay {
namespace {

constexpr std::size_t kLengthSize = 3;
constexpr std::size_t kNoise1Size = 32;
constexpr std::size_t kNoise2Size = 96;
constexpr std::size_t kNoise3Size = 64;
constexpr std::size_t kProofFrameSize = kProofSize + kMessageOverhead;
// Memory that a frame or a piece of output leaves behind for the next one; what is larger is freed.
constexpr std::size_t kSpareCapacity = 1024 * 1024;

std::size_t read_length(ByteView bytes) {
  return std::size_t{bytes[0]} | std::size_t{bytes[1]} << 8 | std::size_t{bytes[2]} << 16;
}

void append_length(Bytes& out, std::size_t body) {
  for (int shift = 0; shift < 24; shift += 8) {
    out.push_back(static_cast<std::uint8_t>(body >> shift));
  }
}

}  // namespace

SecretStream::SecretStream(Now now, State state, Random& random, Duration proof_timeout)
    : state_(state),
      random_(&random),
      proof_deadline_(now.mono + proof_timeout),
      last_read_(now.mono),
      last_write_(now.mono) {}

SecretStream::SecretStream(SecretStream&&) noexcept = default;
SecretStream& SecretStream::operator=(SecretStream&&) noexcept = default;
SecretStream::~SecretStream() = default;

SecretStream SecretStream::dial_xx(Now now, const KeyPair& static_key, Random& random,
                                   std::optional<PublicKey> expected) {
  SecretStream out(now, State::xx_wait_2, random, kDialledProofTimeout);
  out.expected_ = expected;
  out.noise_ = std::make_unique<NoiseHandshake>(
      NoiseHandshake::Options{.role = Role::initiator, .static_key = static_key}, random);
  out.append_frame(*out.noise_->write_message());
  return out;
}

SecretStream SecretStream::dial_bound(Now now, HelloId hello, const BoundKeys& keys,
                                      Random& random) {
  SecretStream out(now, State::bound_wait_first, random, kDialledProofTimeout);
  out.role_ = keys.role;
  out.bound_ = true;
  out.hello_ = hello;
  out.keys_ = keys;
  out.send_first();
  return out;
}

SecretStream SecretStream::open_stock(Now now, const BoundKeys& keys, Random& random) {
  SecretStream out(now, State::stock_wait_first, random, kDialledProofTimeout);
  out.role_ = keys.role;
  out.keys_ = keys;
  out.send_first();
  return out;
}

SecretStream SecretStream::accept(Now now, const KeyPair& static_key, const PendingHellos& pending,
                                  Random& random) {
  SecretStream out(now, State::accepting, random, kAcceptedProofTimeout);
  out.role_ = Role::responder;
  out.static_key_ = static_key;
  out.pending_ = &pending;
  return out;
}

// --- frames in

void SecretStream::handle_bytes(Now now, MutableByteView bytes) {
  if (is_closed() || bytes.empty()) return;
  CIP_ASSERT(input_.empty());
  last_read_ = now.mono;
  input_ = bytes;
  while (!is_open() && !is_closed()) {
    const auto body = next_frame();
    if (!body) break;
    handle_handshake_frame(now, *body);
  }
}

// The next whole frame's body. What is left of the input without completing one is kept.
std::optional<MutableByteView> SecretStream::next_frame() {
  if (partial_is_read_) {
    partial_.clear();
    if (partial_.capacity() > kSpareCapacity) partial_ = {};
    partial_is_read_ = false;
  }
  if (partial_.empty() && input_.size() >= kLengthSize) {
    const auto length = read_length(input_);
    if (!check_length(length)) return std::nullopt;
    if (input_.size() - kLengthSize >= length) {
      const auto body = input_.subspan(kLengthSize, length);
      input_ = input_.subspan(kLengthSize + length);
      return body;
    }
  }
  return complete_partial();
}

// Moves input to `partial_` until that is one frame; never more than the frame needs.
std::optional<MutableByteView> SecretStream::complete_partial() {
  const auto move_up_to = [this](std::size_t wanted) {
    const auto n = std::min(wanted - partial_.size(), input_.size());
    append(partial_, input_.first(n));
    input_ = input_.subspan(n);
    return partial_.size() == wanted;
  };
  if (partial_.size() < kLengthSize && !move_up_to(kLengthSize)) return std::nullopt;
  const auto length = read_length(partial_);
  if (!check_length(length) || !move_up_to(kLengthSize + length)) return std::nullopt;
  partial_is_read_ = true;
  return MutableByteView(partial_).subspan(kLengthSize);
}

// Judges a frame by its length alone, before anything of it is stored.
bool SecretStream::check_length(std::size_t body) {
  if (is_open()) {
    if (body < kMessageOverhead) close(make_error_code(StreamErrc::bad_frame));
    if (body > kMessageOverhead) last_message_ = last_read_;
  } else if (!is_legal_length(body)) {
    close(make_error_code(StreamErrc::unexpected_frame));
  }
  return !is_closed();
}

bool SecretStream::is_legal_length(std::size_t body) const {
  switch (state_) {
    case State::accepting:
      return body == kNoise1Size || body == kFirstFrameSize;
    case State::xx_wait_2:
      return body == kNoise2Size;
    case State::xx_wait_3:
      return body == kNoise3Size;
    case State::xx_wait_first:
    case State::bound_wait_first:
    case State::stock_wait_first:
      return body == kFirstFrameSize;
    case State::bound_wait_proof:
      return body == kProofFrameSize;
    default:
      return false;  // bound_proven: the other side waits for our choice
  }
}

// --- handshake

void SecretStream::handle_handshake_frame(Now now, MutableByteView body) {
  switch (state_) {
    case State::accepting:
      return body.size() == kNoise1Size ? read_noise_1(body) : accept_bound(body);
    case State::xx_wait_2:
      return read_noise_2(body);
    case State::xx_wait_3:
      return read_noise_3(body);
    case State::xx_wait_first:
    case State::bound_wait_first:
    case State::stock_wait_first:
      return read_first(now, body);
    case State::bound_wait_proof:
      return read_proof(now, body);
    default:
      CIP_ASSERT(false);
  }
}

void SecretStream::read_noise_1(ByteView body) {
  noise_ = std::make_unique<NoiseHandshake>(
      NoiseHandshake::Options{.role = Role::responder, .static_key = static_key_}, *random_);
  const auto payload = noise_->read_message(body);
  if (!payload) return close(payload.error());
  const auto answer = noise_->write_message();
  if (!answer) return close(answer.error());
  append_frame(*answer);
  state_ = State::xx_wait_3;
}

void SecretStream::read_noise_2(ByteView body) {
  const auto payload = noise_->read_message(body);
  if (!payload) return close(payload.error());
  if (expected_ && noise_->remote_static() != expected_) {
    return close(make_error_code(StreamErrc::wrong_peer));
  }
  const auto answer = noise_->write_message();
  if (!answer) return close(answer.error());
  append_frame(*answer);
  finish_noise();
}

void SecretStream::read_noise_3(ByteView body) {
  const auto payload = noise_->read_message(body);
  if (!payload) return close(payload.error());
  finish_noise();
}

void SecretStream::finish_noise() {
  keys_ = {.role = role_,
           .send_key = noise_->send_key(),
           .receive_key = noise_->receive_key(),
           .hash = noise_->handshake_hash(),
           .peer = *noise_->remote_static()};
  noise_.reset();
  proven_ = true;
  send_first();
  state_ = State::xx_wait_first;
}

// A first frame on an accepted transport: a stream of a hello, or nobody's.
void SecretStream::accept_bound(ByteView body) {
  const auto* hello = pending_->find_pending(first_bytes<32>(body));
  if (hello == nullptr) return close(make_error_code(StreamErrc::unknown_stream));
  bound_ = true;
  hello_ = hello->id;
  keys_ = hello->keys;
  role_ = keys_.role;
  send_first();
  begin_receiving(body);
  begin_proof();
}

void SecretStream::read_first(Now now, ByteView body) {
  if (!equal(body.first(32), stream_id(keys_.hash, other(role_)))) {
    return close(make_error_code(StreamErrc::wrong_stream_id));
  }
  begin_receiving(body);
  if (bound_) {
    begin_proof();
  } else {
    open_now(now);
  }
}

void SecretStream::begin_receiving(ByteView first) {
  others_first_ = first_bytes<kFirstFrameSize>(first);
  opener_ = MessageOpener(keys_.receive_key,
                          first_bytes<sizeof(StreamHeader)>(ByteView(others_first_).subspan(32)));
}

// The responder proves itself on every connection, the initiator only on the chosen one.
void SecretStream::begin_proof() {
  if (role_ == Role::responder) send_proof();
  state_ = State::bound_wait_proof;
}

void SecretStream::read_proof(Now now, MutableByteView body) {
  const auto proof = opener_.open(body);
  if (!proof || !equal_secret(*proof, bound_proof(keys_.hash, others_first_, own_first_))) {
    return close(make_error_code(StreamErrc::wrong_proof));
  }
  proven_ = true;
  if (role_ == Role::responder) return open_now(now);
  state_ = State::bound_proven;
  events_.push_back(BoundProven{});
}

void SecretStream::choose(Now now) {
  if (state_ != State::bound_proven) return;
  send_proof();
  open_now(now);
}

void SecretStream::send_first() {
  const auto id = stream_id(keys_.hash, role_);
  const auto header = random_->bytes<sizeof(StreamHeader)>();
  std::copy(id.begin(), id.end(), own_first_.begin());
  std::copy(header.begin(), header.end(), own_first_.begin() + 32);
  sealer_ = MessageSealer(keys_.send_key, header);
  append_frame(own_first_);
}

void SecretStream::send_proof() {
  const auto proof = bound_proof(keys_.hash, own_first_, others_first_);
  const ByteView part(proof);
  append_message({&part, 1}, proof.size());
}

void SecretStream::open_now(Now now) {
  state_ = State::open;
  last_write_ = now.mono;
  events_.push_back(StreamOpened{});
}

void SecretStream::close(std::error_code error) {
  if (is_closed()) return;
  state_ = State::closed;
  input_ = {};
  events_.push_back(StreamClosed{error});
}

// --- messages

std::optional<StreamEvent> SecretStream::poll_event() {
  if (events_.empty()) {
    if (auto message = read_message()) return message;
  }
  if (events_.empty()) return std::nullopt;
  const auto event = events_.front();
  events_.pop_front();
  return event;
}

// The next message that is not a keep-alive.
std::optional<StreamEvent> SecretStream::read_message() {
  while (is_open()) {
    const auto body = next_frame();
    if (!body) return std::nullopt;
    const auto plaintext = opener_.open(*body);
    if (!plaintext) {
      close(make_error_code(StreamErrc::bad_frame));
      return std::nullopt;
    }
    proven_ = true;
    if (plaintext->empty()) {
      peer_keeps_alive_ = true;
    } else {
      return StreamMessage{*plaintext};
    }
  }
  return std::nullopt;
}

bool SecretStream::send_frame(std::span<const ByteView> parts) {
  if (!is_open()) return false;
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  CIP_ASSERT(size <= kMaxPlaintext);
  append_message(parts, size);
  sent_ = sent_ || size > 0;
  return true;
}

void SecretStream::append_frame(ByteView body) {
  append_length(out_, body.size());
  append(out_, body);
}

// Encrypts where the bytes will be sent from: the only copy of a plaintext is the one made here.
void SecretStream::append_message(std::span<const ByteView> parts, std::size_t size) {
  append_length(out_, size + kMessageOverhead);
  const auto start = out_.size();
  out_.push_back(0);  // the tag
  for (const auto part : parts) append(out_, part);
  out_.resize(start + size + kMessageOverhead);
  sealer_.seal(MutableByteView(out_).subspan(start));
}

Bytes SecretStream::poll_output(Now now) {
  if (out_.empty()) return {};
  last_write_ = now.mono;
  return std::exchange(out_, {});
}

// --- time

void SecretStream::handle_timeout(Now now) {
  if (is_closed()) return;
  if (!is_open()) {
    if (now.mono >= proof_deadline_) close(make_error_code(StreamErrc::handshake_timeout));
    return;
  }
  if (silence_counts() && now.mono >= last_read_ + kPeerSilenceLimit) {
    return close(make_error_code(StreamErrc::peer_silent));
  }
  if (now.mono >= last_write_ + kKeepAliveInterval) {
    append_message({}, 0);
    last_write_ = now.mono;
  }
}

std::optional<TimePoint> SecretStream::next_timeout() const {
  if (is_closed()) return std::nullopt;
  if (!is_open()) return proof_deadline_;
  const auto keep_alive = last_write_ + kKeepAliveInterval;
  return silence_counts() ? std::min(keep_alive, last_read_ + kPeerSilenceLimit) : keep_alive;
}

std::size_t SecretStream::unfinished_bytes() const {
  return partial_is_read_ ? 0 : partial_.size();
}

}  // namespace cip::overlay
