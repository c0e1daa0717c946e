#include "overlay/hello_payload.hpp"

#include <algorithm>
#include <limits>

#include "base/codec.hpp"
#include "dht/commands.hpp"

namespace cip::overlay {
namespace {

// Bits of the flags field; frozen.
enum Flag : std::uint64_t {
  kHolepunch = 1,
  kAddresses4 = 2,
  kAddresses6 = 4,
  kUdx = 8,
  kSecretStream = 16,
  kRelayThrough = 32,
  kRelayAddresses = 64,
};

constexpr std::size_t kTrailerTail = 2 + kTcpMagic.size();

void write_addresses(Writer& out, const std::vector<Endpoint>& addresses) {
  out.uint(addresses.size());
  for (const auto& address : addresses) out.addr4(address);
}
std::vector<Endpoint> read_addresses(Reader& in) {
  std::vector<Endpoint> out;
  const auto n = in.count(kAddr4Size, kMaxHelloAddresses);
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.push_back(in.addr4());
  return out;
}

// --- trailer

// `rest` is what follows the known fields; a later stock version may have put fields of its own
// there, so the trailer is looked for from the end.
std::optional<TcpTrailer> decode_trailer(ByteView rest) {
  if (rest.size() < kTrailerTail || !equal(rest.last(kTcpMagic.size()), kTcpMagic))
    return std::nullopt;
  rest = rest.first(rest.size() - kTcpMagic.size());
  const std::size_t size = Reader(rest.last(2)).u16();
  rest = rest.first(rest.size() - 2);
  if (size > rest.size()) return std::nullopt;
  Reader in(rest.last(size));
  TcpTrailer tcp;
  while (in.remaining() > 0) {
    const auto type = in.uint();
    const auto value = in.buffer();
    if (!in.ok() || !read_tcp_entry(tcp, type, Reader(value))) return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return tcp;
}

// --- known fields

std::uint64_t flags_of(const HelloPayload& payload) {
  std::uint64_t flags = 0;
  if (payload.holepunch) flags |= kHolepunch;
  if (!payload.addresses4.empty()) flags |= kAddresses4;
  if (!payload.addresses6.empty()) flags |= kAddresses6;
  if (payload.udx) flags |= kUdx;
  if (payload.secret_stream) flags |= kSecretStream;
  if (payload.relay_through) flags |= kRelayThrough;
  if (payload.relay_addresses) flags |= kRelayAddresses;
  return flags;
}

HolepunchInfo read_holepunch(Reader& in) {
  HolepunchInfo out;
  out.id = in.uint();
  const auto n = in.count(2 * kAddr4Size, kMaxHelloAddresses);
  for (std::size_t i = 0; i < n; ++i) {
    const auto relay = in.addr4();
    out.relays.push_back({relay, in.addr4()});
  }
  return out;
}

// Versions inside are not looked at, as stock does not: a later one adds behind.
UdxInfo read_udx(Reader& in) {
  UdxInfo out;
  in.uint();  // version
  out.reusable_socket = (in.uint() & 1) != 0;
  out.id = in.uint();
  out.seq = in.uint();
  return out;
}

RelayThrough read_relay_through(Reader& in) {
  RelayThrough out;
  in.uint();  // version
  in.uint();  // flags, none known
  out.public_key = in.fixed32();
  out.token = in.fixed32();
  return out;
}

void read_fields(Reader& in, std::uint64_t flags, HelloPayload& out) {
  if (flags & kHolepunch) out.holepunch = read_holepunch(in);
  if (flags & kAddresses4) out.addresses4 = read_addresses(in);
  if (flags & kAddresses6) {
    const auto n = in.count(kAddr6Size, kMaxHelloAddresses);
    for (std::size_t i = 0; i < n; ++i) out.addresses6.push_back(read_addr6(in));
  }
  if (flags & kUdx) out.udx = read_udx(in);
  if (flags & kSecretStream) {
    in.uint();  // its version; nothing else depends on it here
    out.secret_stream = true;
  }
  if (flags & kRelayThrough) out.relay_through = read_relay_through(in);
  if (flags & kRelayAddresses) out.relay_addresses = read_addresses(in);
}

}  // namespace

bool HelloPayload::offers_udx() const {
  return udx && udx->id <= std::numeric_limits<std::uint32_t>::max();
}

bool HelloPayload::says_open() const {
  return firewall == static_cast<std::uint64_t>(dht::Firewall::open);
}

Bytes encode_hello_payload(const HelloPayload& payload) {
  Writer out;
  out.uint(payload.version);
  out.uint(flags_of(payload));
  out.uint(payload.error);
  out.uint(payload.firewall);
  if (payload.holepunch) {
    out.uint(payload.holepunch->id);
    out.uint(payload.holepunch->relays.size());
    for (const auto& relay : payload.holepunch->relays) {
      out.addr4(relay.relay);
      out.addr4(relay.peer);
    }
  }
  if (!payload.addresses4.empty()) write_addresses(out, payload.addresses4);
  if (!payload.addresses6.empty()) {
    out.uint(payload.addresses6.size());
    for (const auto& address : payload.addresses6) write_addr6(out, address);
  }
  if (payload.udx) {
    out.uint(1);
    out.uint(payload.udx->reusable_socket ? 1 : 0);
    out.uint(payload.udx->id);
    out.uint(payload.udx->seq);
  }
  if (payload.secret_stream) out.uint(1);
  if (payload.relay_through) {
    out.uint(1);
    out.uint(0);
    out.raw(payload.relay_through->public_key);
    out.raw(payload.relay_through->token);
  }
  if (payload.relay_addresses) write_addresses(out, *payload.relay_addresses);
  if (payload.tcp) {
    const auto before = out.size();
    write_tcp_entries(out, *payload.tcp);
    out.u16(static_cast<std::uint16_t>(out.size() - before));
    out.raw(kTcpMagic);
  }
  return out.take();
}

std::optional<HelloPayload> decode_hello_payload(ByteView bytes) {
  Reader in(bytes);
  HelloPayload out;
  out.version = in.uint();
  if (!in.ok()) return std::nullopt;
  if (out.version != 1) return out;
  const auto flags = in.uint();
  out.error = in.uint();
  out.firewall = in.uint();
  read_fields(in, flags, out);
  if (!in.ok()) return std::nullopt;
  out.tcp = decode_trailer(in.rest());
  return out;
}

}  // namespace cip::overlay
