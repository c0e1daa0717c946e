#include "overlay/contact_card.hpp"

namespace cip::overlay {

UnixMillis ContactCard::until(Now now) const {
  const std::uint64_t longest =
      now.wall.value +
      static_cast<std::uint64_t>(std::chrono::milliseconds(kLongestCardLife).count());
  // Compared in seconds first: a far expiry would overflow.
  return {expiry > longest / 1000 ? longest : expiry * 1000};
}

bool is_contact_card(ByteView value) {
  return value.size() >= kTcpMagic.size() && equal(value.first(kTcpMagic.size()), kTcpMagic);
}

Bytes encode_contact_card(const ContactCard& card) {
  Writer out;
  out.raw(kTcpMagic);
  write_tcp_entries(out, card.tcp);
  out.uint(static_cast<std::uint64_t>(TcpEntry::expiry));
  out.uint(uint_size(card.expiry));
  out.uint(card.expiry);
  return out.take();
}

std::optional<ContactCard> decode_contact_card(ByteView value) {
  if (!is_contact_card(value)) return std::nullopt;
  Reader in(value.subspan(kTcpMagic.size()));
  ContactCard card;
  while (in.remaining() > 0) {
    const auto type = in.uint();
    Reader entry(in.buffer());
    if (!in.ok()) return std::nullopt;
    if (type == static_cast<std::uint64_t>(TcpEntry::expiry)) {
      card.expiry = entry.uint();
      if (!entry.ok()) return std::nullopt;
    } else if (!read_tcp_entry(card.tcp, type, entry)) {
      return std::nullopt;
    }
  }
  if (!in.ok()) return std::nullopt;
  return card;
}

}  // namespace cip::overlay
