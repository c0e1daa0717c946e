#pragma once

// Where the packets of a stream go and from where they are taken, also while it moves to another
// path (udx.md 11 and 13 "Source rule").

#include <cstddef>
#include <optional>

#include "base/time.hpp"
#include "overlay/transport/udx/sequence.hpp"
#include "overlay/transport/udx/sources.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

class UdxRoute {
 public:
  void connect(const UdxPath& path);
  // To another path. `first` and `next`: numbers in flight, those that are acknowledged before the
  // change is complete.
  void change(TimePoint now, const UdxPath& path, UdxSeq first, UdxSeq next);
  // An acknowledgement came; all before `first` is acknowledged.
  void on_ack(TimePoint now, bool progress, UdxSeq first);

  bool is_connected() const { return connected_; }
  const UdxPath& path() const { return path_; }
  UdxSources& sources() { return sources_; }
  // The largest payload that is worth a search there.
  std::size_t payload_ceiling(bool large_datagrams) const;

  UdxDatagram datagram(Bytes bytes, std::size_t segment, bool may_fragment = false) const;
  // Repeats also go the old way until something is heard after a change: the same for there.
  std::optional<UdxDatagram> copy_for_old_path(const UdxDatagram& repeats) const;

 private:
  bool connected_ = false;
  UdxPath path_;
  UdxSources sources_;
  std::optional<UdxSeq> change_end_;  // numbers below it were sent before the change
  std::optional<UdxPath> old_path_;   // until the first acknowledgement after the change
};

}  // namespace cip::overlay
