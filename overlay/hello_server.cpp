#include "overlay/hello_server.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dht/commands.hpp"
#include "overlay/punch/punches.hpp"
#include "overlay/transport/noise.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::overlay {

const Bytes32& hello_prologue() {
  static const Bytes32 prologue = make_namespace("hyperswarm/dht", 0);
  return prologue;
}

namespace {

// A stock client is called where nothing is in the way (udx.md 14.4). A cipnode calls by itself,
// unless a NAT before this node keeps it out.
bool calls(const HelloPayload& theirs, const HelloServer::Received& hello, const Offer& offer,
           bool bound) {
  if (!hello.relayed) return !bound;
  return theirs.says_open() && (!bound || !offer.is_open_to(hello.seen));
}

// The own end of the stream that this client can have; none: it can have none.
std::optional<UdxEnds> make_ends(Now now, const HelloPayload& theirs,
                                 const HelloServer::Received& hello, const Offer& offer,
                                 UdxStreams* udx, Duration patience) {
  const bool bound = offer.opens_bound_udx(theirs);
  const bool wanted = bound || (!offer.opens_bound_tcp(theirs) && theirs.offers_udx());
  if (udx == nullptr || !wanted) return std::nullopt;
  const auto id = udx->create(now, hello.seen.ip, patience);
  if (!id) return std::nullopt;
  return UdxEnds{.local_id = *id,
                 .remote_id = static_cast<std::uint32_t>(theirs.udx->id),
                 .socket = 0,
                 .calls = calls(theirs, hello, offer, bound)};
}

BoundKeys keys_of(const NoiseHandshake& handshake, const PublicKey& peer, bool bound) {
  const auto make = bound ? make_bound_keys : make_stock_keys;
  return make(Role::responder, handshake.receive_key(), handshake.send_key(),
              handshake.handshake_hash(), peer);
}

std::uint64_t first_bits(const Bytes32& digest) {
  std::uint64_t bits;
  std::memcpy(&bits, digest.data(), sizeof bits);
  return bits;
}

}  // namespace

HelloPayload base_payload(const Offer& offer) {
  HelloPayload out;
  if (offer.public_udp) {
    out.firewall = static_cast<std::uint64_t>(dht::Firewall::open);
    out.addresses4 = {*offer.public_udp};
  }
  return out;
}

void offer_stream(HelloPayload& payload, UdxId id) {
  if (id == 0) return;
  payload.udx = UdxInfo{.reusable_socket = false, .id = id, .seq = 0};
  payload.secret_stream = true;
}

std::optional<HelloServer::Answer> HelloServer::handle(Now now, const Received& hello,
                                                       const Offer& offer, Random& random,
                                                       UdxStreams* udx, Punches* punches) {
  while (!ages_.empty() && ages_.front().expires <= now.mono) {
    answers_.erase(ages_.front().digest);
    ages_.pop_front();
  }
  const auto digest = hash(hello.message1);
  if (const auto known = answers_.find(digest); known != answers_.end()) {
    Answer again;
    again.message2 = known->second.message2;
    again.repeated = true;
    again.punch = known->second.punch;
    return again;
  }
  if (was_answered(digest)) {
    ++stats_.replayed;
    return std::nullopt;
  }
  if (!take_turn(now)) return std::nullopt;

  NoiseHandshake::Options options;
  options.pattern = NoiseHandshake::Pattern::ik;
  options.role = Role::responder;
  options.static_key = identity_;
  options.prologue = to_bytes(hello_prologue());
  NoiseHandshake handshake(std::move(options), random);
  const auto plaintext = handshake.read_message(hello.message1);
  const auto theirs = plaintext ? decode_hello_payload(*plaintext) : std::nullopt;
  if (!theirs) {
    ++stats_.ignored;
    return std::nullopt;
  }
  Answer answer;
  answer.peer = *handshake.remote_static();
  if (!is_welcome(answer.peer)) {
    ++stats_.denied;
    return std::nullopt;
  }
  if (!expects_punch(*theirs, hello, offer)) punches = nullptr;
  const auto patience = punches != nullptr ? kUdxCallTimeout : kUdxConnectTimeout;
  answer.udx = make_ends(now, *theirs, hello, offer, udx, patience);
  const auto own = answer.udx ? answer.udx->local_id : 0;
  const bool bound_tcp = offer.opens_bound_tcp(*theirs);
  const bool bound = bound_tcp || (own != 0 && offer.opens_bound_udx(*theirs)) ||
                     answer.peer == identity_.public_key;
  auto payload = make_answer(*theirs, hello.seen, offer, own);
  if (own != 0 && punches != nullptr) {
    if (const auto reserved = punches->reserve(now, hello.seen, own)) {
      payload.holepunch = reserved->info;
      answer.punch = reserved->info.id;
    }
  }
  auto message2 = handshake.write_message(encode_hello_payload(payload));
  if (!message2) {  // an ephemeral key that is no point
    if (own != 0) udx->destroy(now, own);
    return std::nullopt;
  }
  answer.message2 = std::move(*message2);
  if (answer.punch != 0) punches->arm(answer.punch, punch_key(handshake.handshake_hash()));
  keep(now, digest, {answer.message2, answer.punch});
  if (bound || answer.udx) answer.keys = keys_of(handshake, answer.peer, bound);
  if (bound_tcp && theirs->tcp->has(kCapabilityReverseDial) && offer.accepts_dial_back) {
    answer.dial_back = endpoints_to_dial_back(theirs->tcp->endpoints, hello.seen);
  }
  return answer;
}

// Datagrams of neither side reach the other as they are.
bool HelloServer::expects_punch(const HelloPayload& theirs, const Received& hello,
                                const Offer& offer) {
  return hello.relayed && !theirs.says_open() && !offer.is_open_to(hello.seen);
}

// A peer that no stream can be opened with fails at once, and cleanly: error 1 and no udx.
HelloPayload HelloServer::make_answer(const HelloPayload& theirs, Endpoint seen, const Offer& offer,
                                      UdxId own) const {
  HelloPayload out;
  if (theirs.version != 1) {
    out.error = static_cast<std::uint64_t>(dht::HelloError::version_mismatch);
    return out;
  }
  const bool bound_tcp = offer.opens_bound_tcp(theirs);
  const TcpTrailer trailer{.capabilities = offer.capabilities(), .endpoints = {}, .endpoints6 = {}};
  if (!bound_tcp && own == 0) {
    out.error = static_cast<std::uint64_t>(dht::HelloError::aborted);
    if (theirs.tcp) out.tcp = trailer;
    return out;
  }
  out = base_payload(offer);
  // To a peer behind the same NAT, by the word of the relay, the own places behind it. Both ports
  // have one number.
  if (!offer.public_udp) {
    out.addresses4 = endpoints_to_offer(offer.endpoints, offer.view_of(seen));
    std::erase_if(out.addresses4, [](auto e) { return e.realm() == Realm::public_network; });
  }
  if (!offer.relays.empty()) out.relay_addresses = offer.relays;
  offer_stream(out, own);
  if (!theirs.tcp) return out;
  out.tcp = trailer;
  if (bound_tcp) {
    out.tcp->endpoints = endpoints_to_offer(offer.endpoints, offer.view_of(seen));
    out.tcp->endpoints6 = offer.endpoints6;
  }
  return out;
}

// Whoever holds the own key finds out so that it is used twice, whatever the lists say.
bool HelloServer::is_welcome(const PublicKey& key) const {
  if (key == identity_.public_key) return true;
  return !denied_.contains(key) && (!allowed_ || allowed_->contains(key));
}

bool HelloServer::take_turn(Now now) {
  const double seconds = std::chrono::duration<double>(now.mono - turns_at_).count();
  turns_ = std::min(kHelloBurst, turns_ + seconds * kHellosPerSecond);
  turns_at_ = now.mono;
  if (turns_ < 1) {
    ++stats_.throttled;
    return false;
  }
  turns_ -= 1;
  return true;
}

void HelloServer::keep(Now now, const Bytes32& digest, Given given) {
  if (ages_.size() >= kMaxAnswers) {
    answers_.erase(ages_.front().digest);
    ages_.pop_front();
  }
  answers_.insert_or_assign(digest, std::move(given));
  ages_.push_back({now.mono + kAnswerLife, digest});
  remember(now, digest);
}

// Only what was authentic comes here, so that garbage pushes nothing out.
void HelloServer::remember(Now now, const Bytes32& digest) {
  if (remembered_.size() >= kMaxRemembered || now.mono - generation_began_ >= kReplayGeneration) {
    remembered_before_ = std::exchange(remembered_, {});
    generation_began_ = now.mono;
  }
  remembered_.insert(first_bits(digest));
}

bool HelloServer::was_answered(const Bytes32& digest) const {
  if (!refuses_replays_) return false;
  const auto bits = first_bits(digest);
  return remembered_.contains(bits) || remembered_before_.contains(bits);
}

}  // namespace cip::overlay
