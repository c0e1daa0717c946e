#include "overlay/tcp_entries.hpp"

namespace cip::overlay {
namespace {

void write_head(Writer& out, TcpEntry type, std::size_t size) {
  out.uint(static_cast<std::uint64_t>(type));
  out.uint(size);
}

}  // namespace

void write_addr6(Writer& out, const Endpoint6& address) {
  out.raw(address.ip);
  out.u16(address.port);
}

Endpoint6 read_addr6(Reader& in) {
  Endpoint6 out;
  out.ip = in.fixed<16>();
  out.port = in.u16();
  return out;
}

void write_tcp_entries(Writer& out, const TcpTrailer& tcp) {
  write_head(out, TcpEntry::capabilities, uint_size(tcp.capabilities));
  out.uint(tcp.capabilities);
  if (!tcp.endpoints.empty()) {
    write_head(out, TcpEntry::tcp4, tcp.endpoints.size() * kAddr4Size);
    for (const auto& endpoint : tcp.endpoints) out.addr4(endpoint);
  }
  if (!tcp.endpoints6.empty()) {
    write_head(out, TcpEntry::tcp6, tcp.endpoints6.size() * kAddr6Size);
    for (const auto& endpoint : tcp.endpoints6) write_addr6(out, endpoint);
  }
}

bool read_tcp_entry(TcpTrailer& tcp, std::uint64_t type, Reader value) {
  switch (static_cast<TcpEntry>(type)) {
    case TcpEntry::capabilities:
      tcp.capabilities = value.uint();
      return value.ok();
    case TcpEntry::tcp4:
      if (value.remaining() % kAddr4Size != 0) return false;
      while (value.remaining() > 0 && tcp.endpoints.size() < kMaxHelloAddresses) {
        tcp.endpoints.push_back(value.addr4());
      }
      return true;
    case TcpEntry::tcp6:
      if (value.remaining() % kAddr6Size != 0) return false;
      while (value.remaining() > 0 && tcp.endpoints6.size() < kMaxHelloAddresses) {
        tcp.endpoints6.push_back(read_addr6(value));
      }
      return true;
    default:
      return true;  // of a later version
  }
}

}  // namespace cip::overlay
