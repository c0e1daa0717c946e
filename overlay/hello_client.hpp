#pragma once

// The asking side of one hello (dht.md 12 "Client procedure", and 18): message 1 out, message 2 in.
// Pure: who carries the messages is the greeter's business.

#include <optional>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "overlay/hello_offer.hpp"
#include "overlay/transport/bound.hpp"
#include "overlay/transport/noise.hpp"

namespace cip::overlay {

class HelloClient {
 public:
  struct Options {
    KeyPair identity;
    PublicKey peer{};
    // Ask the peer to dial: own endpoints go along, private ones only for a peer that was seen at
    // such an address before.
    bool dial_back = false;
    Endpoint peer_seen{};  // any address: never seen
    UdxId udx = 0;         // of a stream that a stock peer may open; 0: none is offered
  };
  // Fails with bad_point when `peer` is no valid key.
  static Result<HelloClient> make(const Options& options, const Offer& offer, Random& random);

  // Built once, and sent the same to all relays.
  const Bytes& message1() const { return message1_; }

  struct Answer {
    HelloPayload payload;
    BoundKeys keys;        // of use only when the payload has a trailer with kCapabilityBoundTcp
    BoundKeys stock_keys;  // of a stream over UDX with a peer without that
    Bytes32 punch_key{};   // of holepunch messages
  };
  // None when it does not decrypt: not from the peer. May be called for every reply.
  std::optional<Answer> read(ByteView message2) const;

 private:
  HelloClient(const PublicKey& peer, NoiseHandshake handshake)
      : peer_(peer), handshake_(std::move(handshake)) {}

  PublicKey peer_;
  NoiseHandshake handshake_;  // as it is after message 1
  Bytes message1_;
};

}  // namespace cip::overlay
