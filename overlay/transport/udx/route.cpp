#include "overlay/transport/udx/route.hpp"

#include <algorithm>
#include <utility>

#include "overlay/transport/udx/mtu_search.hpp"
#include "overlay/transport/udx/packet.hpp"

namespace cip::overlay {
namespace {

// Of the link, as far as it is known: loopback carries anything that fits a datagram.
constexpr std::size_t kLoopbackMtu = 65536;
constexpr std::size_t kUsualMtu = 1500;

}  // namespace

void UdxRoute::connect(const UdxPath& path) {
  connected_ = true;
  path_ = path;
  sources_.connect(path.to);
}

void UdxRoute::change(TimePoint now, const UdxPath& path, UdxSeq first, UdxSeq next) {
  sources_.change(path.to);
  if (first != next) {
    change_end_ = next;
    old_path_ = path_;
  } else {
    sources_.complete_change(now);
  }
  path_ = path;
}

void UdxRoute::on_ack(TimePoint now, bool progress, UdxSeq first) {
  if (progress) old_path_.reset();
  if (!change_end_ || udx_before(first, *change_end_)) return;
  change_end_.reset();
  sources_.complete_change(now);
}

std::size_t UdxRoute::payload_ceiling(bool large_datagrams) const {
  const auto link = path_.to.realm() == Realm::loopback ? kLoopbackMtu : kUsualMtu;
  return udx_payload_ceiling(link, large_datagrams);
}

UdxDatagram UdxRoute::datagram(Bytes bytes, std::size_t segment, bool may_fragment) const {
  return {path_.socket, path_.to, std::move(bytes), segment, may_fragment};
}

std::optional<UdxDatagram> UdxRoute::copy_for_old_path(const UdxDatagram& repeats) const {
  if (!old_path_) return std::nullopt;
  auto copy = repeats;
  copy.socket = old_path_->socket;
  copy.to = old_path_->to;
  const MutableByteView bytes = copy.bytes;
  for (std::size_t at = 0; at < bytes.size(); at += copy.segment)
    set_udx_stream(bytes.subspan(at), old_path_->remote_id);
  return copy;
}

}  // namespace cip::overlay
