#pragma once

// What feed.cat, feed.download and feed.follow have in common: blocks of a feed are fetched from
// whoever has them, until they are here or nobody is left who could help.

#include <optional>
#include <string>
#include <vector>

#include "node/feed_search.hpp"
#include "node/fetch_watch.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/peer_faults.hpp"

namespace cip::node {

class Fetch : public FeedOperation {
 public:
  Fetch(Daemon& daemon, Params& params, Output& out);
  ~Fetch() override;

  void start() override;
  void handle_deadline() override;

 protected:
  // Fetches from whoever has something, instead of what was fetched before. Fails for a feed with
  // two histories.
  void download(overlay::DownloadOptions options);
  void cancel_download();
  bool is_downloading() const { return download_.has_value(); }
  // What is fetched has no end by itself: silence is no reason to stop.
  void wait_for_ever() { is_endless_ = true; }

  bool is_writer() { return known().record.writable; }
  // Nobody has more of an own feed, unless blocks were cleared here, or another home went on with
  // it.
  bool is_whole_own() { return is_writer() && feed().contiguous_length() == feed().length(); }
  // Whether every block of the range is here, as far as its end is known.
  bool is_here();
  overlay::DownloadOptions options_of_range() const;
  // What came of the range since the request began.
  overlay::Fetched fetched() const;
  // True when the news ends the download at hand.
  bool has_finished(const overlay::FeedNews& news);
  // A block here is damaged: that is what the request fails with if nobody gives it again.
  void note_damage(const std::optional<Error>& damage);
  // True when the feed showed two histories, or its disk failed: the request has failed then.
  bool ended_badly(const overlay::FeedNews& news);
  static const store::Truncated* cut_of(const overlay::FeedNews& news);
  // What is known of it: who comes later than a cut learns of it with what was appended since.
  static std::string told_of(const store::Truncated& cut);

  FeedQuery query_;
  BlockSpan range_;
  TimePoint begun_{};

 private:
  void seek_peers();
  void note_asked();
  void fail_frozen();
  void end_in_silence(Error error);
  Error explained(Error error) const;

  std::optional<std::string> encryption_key_, range_text_;
  std::vector<std::string> peers_;
  Duration patience_{};
  bool is_endless_ = false;
  std::optional<Error> damage_;
  std::optional<PeerFaults> faults_;
  std::optional<FeedSearch> search_;
  std::optional<FetchWatch> watch_;
  std::optional<overlay::DownloadId> download_;
  overlay::Fetched fetched_before_;  // by the downloads before it
};

}  // namespace cip::node
