#include "node/fetch_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/participant.hpp"

namespace cip::node {

namespace {

constexpr Duration kFetchTick = std::chrono::seconds(1);

}  // namespace

FetchWatch::FetchWatch(Daemon& daemon, store::FeedNumber number, FeedSearch& search,
                       Callbacks callbacks)
    : daemon_(daemon),
      number_(number),
      search_(search),
      callbacks_(std::move(callbacks)),
      moved_(now().mono),
      timer_(daemon.io()) {
  tick();
}

void FetchWatch::watch(overlay::DownloadId download) {
  download_ = download;
  note_hope();
}

void FetchWatch::note_hope() {
  moved_ = now().mono;
  told_ = told_nobody_ = false;
  search_.rest();
}

void FetchWatch::tick() {
  timer_.expires_after(kFetchTick);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    look();
    if (!alive.expired()) tick();
  });
}

void FetchWatch::look() {
  const auto* feed = daemon_.feeds().feed(number_);
  const auto& replication = daemon_.participant().hub().replication();
  const auto state = feed ? replication.state_of(number_, download_) : std::nullopt;
  if (!state) return note_hope();  // it has ended; what is left is a matter of this machine
  const Mark mark{feed->length(), feed->fork(), replication.counters(number_).blocks_fetched};
  // A disk that is slower than the peers is no silence of theirs.
  if (mark != mark_ || state->waits_for_disk) note_hope();
  mark_ = mark;
  moved_ = std::max(moved_, state->heard);
  const auto silence = now().mono - moved_;
  if (silence < kLookSilence) return;
  search_.look_around();
  const bool is_news = silence >= kNobodySilence && !told_nobody_ && has_nobody(*state);
  if (is_news || silence >= kFetchSilence) {
    moved_ = now().mono;
    told_ = true;
    told_nobody_ = told_nobody_ || is_news;
    callbacks_.on_silence(verdict(*state));
  } else if (silence >= kTellSilenceAfter && !std::exchange(told_, true)) {
    callbacks_.on_notice("waiting: nothing came for 10 s; " + verdict(*state).message);
  }
}

// Of those who had the feed nobody is left who could give what is missing, and there are no others.
bool FetchWatch::has_nobody(const overlay::DownloadState& state) const {
  if (state.requests > 0 || state.unheard > 0 || !search_.has_asked_everybody()) return false;
  if (peers_left() == 0) return search_.had_peer();
  return state.missing > 0 && state.holders == 0;
}

std::size_t FetchWatch::peers_left() const {
  const auto peers = daemon_.participant().hub().replication().peers(number_);
  return static_cast<std::size_t>(
      std::ranges::count_if(peers, [](const auto& peer) { return !peer.rejected; }));
}

Error FetchWatch::verdict(const overlay::DownloadState& state) const {
  const auto length = daemon_.feeds().feed(number_)->length();
  const auto left = peers_left();
  const auto missing =
      length == 0 ? std::string("the length of the feed is not known")
                  : fmt::format("of {} {} missing here", counted(length, "block"),
                                state.missing == 1 ? "1 is" : fmt::format("{} are", state.missing));
  if (left == 0 && search_.was_refused()) {
    return {ExitCode::not_found,
            fmt::format("{}, and the peers reached do not have the feed", missing),
            "check that one of its holders is online; what came is kept"};
  }
  if (left == 0) {
    return {ExitCode::no_route, fmt::format("{}, and no peer that has the feed is left", missing),
            "check that one of its holders is online and can be dialled; what came is kept"};
  }
  if (state.missing > 0 && state.holders == 0) {
    return {ExitCode::not_found,
            fmt::format("{}: of the {} reached nobody has block {}", missing, counted(left, "peer"),
                        state.first),
            "find a peer that holds all of it; what came is kept"};
  }
  if (state.missing == 0 && state.claim) {
    return {ExitCode::timeout,
            fmt::format("the feed has {}; a peer says {} and does not prove it",
                        counted(length, "block"), *state.claim),
            "fetch from another peer; what came is kept"};
  }
  return {ExitCode::timeout, fmt::format("{}, and the peers that have them do not answer", missing),
          "try again, or fetch from another peer; what came is kept"};
}

}  // namespace cip::node
