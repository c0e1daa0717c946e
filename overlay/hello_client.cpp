#include "overlay/hello_client.hpp"

#include "overlay/hello_server.hpp"
#include "overlay/punch/message.hpp"

namespace cip::overlay {

Result<HelloClient> HelloClient::make(const Options& options, const Offer& offer, Random& random) {
  NoiseHandshake::Options noise;
  noise.pattern = NoiseHandshake::Pattern::ik;
  noise.role = Role::initiator;
  noise.static_key = options.identity;
  noise.prologue = to_bytes(hello_prologue());
  noise.remote_static = options.peer;
  HelloClient out(options.peer, NoiseHandshake(std::move(noise), random));

  auto payload = base_payload(offer);
  payload.tcp = TcpTrailer{.capabilities = offer.capabilities(), .endpoints = {}, .endpoints6 = {}};
  if (options.dial_back) {
    payload.tcp->endpoints = endpoints_to_offer(offer.endpoints, offer.view_of(options.peer_seen));
  }
  offer_stream(payload, options.udx);
  auto message1 = out.handshake_.write_message(encode_hello_payload(payload));
  if (!message1) return fail(message1.error());
  out.message1_ = std::move(*message1);
  return out;
}

std::optional<HelloClient::Answer> HelloClient::read(ByteView message2) const {
  auto handshake = handshake_;  // a forged reply must not spoil the true one
  const auto plaintext = handshake.read_message(message2);
  auto payload = plaintext ? decode_hello_payload(*plaintext) : std::nullopt;
  if (!payload) return std::nullopt;
  const auto& k1 = handshake.send_key();
  const auto& k2 = handshake.receive_key();
  const auto& hash = handshake.handshake_hash();
  return Answer{.payload = std::move(*payload),
                .keys = make_bound_keys(Role::initiator, k1, k2, hash, peer_),
                .stock_keys = make_stock_keys(Role::initiator, k1, k2, hash, peer_),
                .punch_key = punch_key(hash)};
}

}  // namespace cip::overlay
