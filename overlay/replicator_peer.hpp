#pragma once

// The inside of Replicator: what it knows of one peer and of one download. For replicator*.cpp
// alone.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/number_map.hpp"
#include "overlay/remote_blocks.hpp"
#include "overlay/replicator.hpp"
#include "overlay/reply_queue.hpp"
#include "overlay/request_table.hpp"

namespace cip::overlay {

// In bytes, by what its writer signed; at most 2^53.
inline std::uint64_t average_block(const store::Feed& feed) {
  return feed.length() > 0 ? feed.byte_length() / feed.length() : 0;
}

struct Replicator::Peer {
  PeerNumber number = 0;
  ConnId conn = 0;
  ChannelId channel = 0;

  // What it says of itself.
  bool synced = false;
  SyncMessage remote;       // its last sync
  std::uint64_t acked = 0;  // our length as it knows it
  RemoteBlocks blocks;

  // What we ask of it.
  RequestTable requests;
  std::size_t window = kFirstRequests;
  TimePoint heard{};  // last answer, or the request that began a busy time
  bool rejected = false;
  bool refuses = false;  // why it is rejected: it refused what it said to have
  TimePoint checked{};   // for silence
  bool stalled = false;
  std::optional<Duration> answer_time;  // how long an answer takes lately, smoothed
  std::size_t unasked = 0;              // data that was not asked for
  // Its stream ends: because of this (a literal), then.
  std::string_view crime;
  std::error_code crime_error;
  std::optional<TimePoint> ends_at;
  bool ended = false;
  std::optional<TimePoint> blocked_since;  // something waits, and its stream takes nothing
  bool asked_manifest = false;
  std::optional<std::uint64_t> refused_upgrade;  // a length it could not prove
  std::array<std::size_t, 3> refusals{};         // by reason
  std::map<DownloadId, std::uint64_t> scan;  // below it, nothing of the download is to be had here
  std::set<std::uint64_t> wanted_segments;
  std::vector<std::uint64_t> rarest;  // to be asked for next, the last first
  DownloadId rarest_of = 0;
  // Parents of the pairs of nodes that requests under way will bring: later ones need not climb
  // past.
  NumberMap<std::monostate> expected;

  // What it asks of us, and what it was told.
  ReplyQueue replies;
  std::size_t invalid_requests = 0;
  std::size_t recent_block = 0;  // size of large blocks it was sent lately
  bool holds_reading = false;
  bool sync_due = true;
  bool said_can_upgrade = true;
  std::uint64_t pushed = 0;     // the feed up to here was pushed to it
  std::size_t pushes = 0;       // being made; it hears of the length after them
  std::uint64_t announced = 0;  // complete up to here, as it was told
  std::vector<WantMessage> wants;
  std::deque<WantMessage> unanswered_wants;
  std::deque<store::BlockRange> missed;  // announcements that found the stream full
  std::string extension;                 // name of the last extension message
  bool wants_all = false;

  void look_again_from(std::uint64_t block) {
    for (auto& [download, at] : scan) at = std::min(at, block);
  }
  bool wants_range(std::uint64_t start, std::uint64_t end) const {
    if (wants_all) return true;
    return std::any_of(wants.begin(), wants.end(), [&](const WantMessage& want) {
      return want.start < end && start < want.start + want.length;
    });
  }
};

struct Replicator::Download {
  DownloadId id = 0;
  DownloadOptions options;
  std::uint64_t held = 0;  // blocks from the start to here are held
  bool in_sync = false;    // as last reported
  bool all_asked = false;  // no further peers are expected
  Fetched fetched;

  std::uint64_t end() const { return options.end.value_or(store::kMaxLength); }
};

}  // namespace cip::overlay
