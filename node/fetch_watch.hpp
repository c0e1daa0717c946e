#pragma once

// Watches a download: says what is waited for while nothing comes, and ends the wait when that has
// lasted too long (cli.md "Rules for every command").

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/daemon.hpp"
#include "node/feed_search.hpp"
#include "overlay/replicator.hpp"
#include "store/store_op.hpp"

namespace cip::node {

// Nothing that helps came for so long: other peers are looked for; the wait is over if nobody has
// what is missing; the user hears what is waited for; the wait is over.
inline constexpr Duration kLookSilence = std::chrono::seconds(2);
inline constexpr Duration kNobodySilence = std::chrono::seconds(5);
inline constexpr Duration kTellSilenceAfter = std::chrono::seconds(10);
inline constexpr Duration kFetchSilence = std::chrono::seconds(30);

class FetchWatch {
 public:
  struct Callbacks {
    std::function<void(const std::string&)> on_notice;
    // With what is missing: once nobody has it, and each time kFetchSilence is over. The watch may
    // be destroyed in it.
    std::function<void(Error)> on_silence;
  };
  // `search` outlives it.
  FetchWatch(Daemon& daemon, store::FeedNumber number, FeedSearch& search, Callbacks callbacks);

  // The download whose end is waited for, from now on.
  void watch(overlay::DownloadId download);
  // Somebody joined.
  void note_hope();

 private:
  // What moves on while something comes.
  struct Mark {
    std::uint64_t length = 0;
    std::uint64_t fork = 0;
    std::uint64_t blocks = 0;
    bool operator==(const Mark&) const = default;
  };

  void tick();
  void look();
  bool has_nobody(const overlay::DownloadState& state) const;
  Error verdict(const overlay::DownloadState& state) const;
  std::size_t peers_left() const;

  Daemon& daemon_;
  store::FeedNumber number_;
  FeedSearch& search_;
  Callbacks callbacks_;
  overlay::DownloadId download_ = 0;
  Mark mark_;
  TimePoint moved_{};  // or told
  bool told_ = false;
  bool told_nobody_ = false;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
