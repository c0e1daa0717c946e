#pragma once

// Watches a download: says what is waited for while nothing comes, and ends the wait when that has
// lasted too long (cli.md "Rules for every command").

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/daemon.hpp"
#include "overlay/replicator.hpp"
#include "store/store_op.hpp"

namespace cip::node {

// Nothing that helps came for so long: the user hears what is waited for; the wait is over.
inline constexpr Duration kTellSilenceAfter = std::chrono::seconds(10);
inline constexpr Duration kFetchSilence = std::chrono::seconds(30);

class FetchWatch {
 public:
  struct Callbacks {
    std::function<void(const std::string&)> on_notice;
    // Each time kFetchSilence is over, with what is missing; the watch may be destroyed in it.
    std::function<void(Error)> on_silence;
  };
  FetchWatch(Daemon& daemon, store::FeedNumber number, Callbacks callbacks);

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
  Error verdict(const overlay::DownloadState& state) const;

  Daemon& daemon_;
  store::FeedNumber number_;
  Callbacks callbacks_;
  overlay::DownloadId download_ = 0;
  Mark mark_;
  TimePoint moved_{};
  bool told_ = false;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
