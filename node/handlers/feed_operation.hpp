#pragma once

// What operations on one feed have in common: they hold it open while they run.

#include <memory>

#include "node/daemon.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"

namespace cip::node {

class FeedOperation : public Operation {
 public:
  FeedOperation(Daemon& daemon, Output& out) : Operation(out), daemon_(daemon) {}

 protected:
  // Opens the feed, then calls opened(), or fails the request.
  void open(FeedQuery query) { daemon_.feeds().open(std::move(query), command_, taker()); }
  void create(const store::NewWriter& wanted) { daemon_.feeds().create(wanted, command_, taker()); }

  virtual void opened() = 0;
  virtual void handle(const overlay::FeedNews& news) { static_cast<void>(news); }

  store::FeedNumber number() const { return use_.number(); }
  store::Feed& feed() { return *daemon_.feeds().feed(number()); }
  OpenFeed& known() { return *daemon_.feeds().find(number()); }
  bool is_open() const { return use_.number() != 0; }
  // The feed was taken out of the home: feed() and known() are no more.
  bool is_gone() const { return daemon_.feeds().find(number()) == nullptr; }
  // For a call that ends the use.
  FeedUse give_use() {
    news_.end();
    gone_.end();
    return std::move(use_);
  }

  Daemon& daemon_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();

 private:
  FeedLibrary::OnOpen taker() {
    return [this, alive = std::weak_ptr(alive_)](Outcome<FeedUse> result) {
      if (alive.expired()) return;
      if (!result) return out_.fail(std::move(result.error()));
      use_ = std::move(*result);
      news_ =
          daemon_.feeds().watch(number(), [this](const overlay::FeedNews& news) { handle(news); });
      gone_ = daemon_.feeds().gone.listen([this](store::FeedNumber gone) { end_if_gone(gone); });
      opened();
    };
  }

  void end_if_gone(store::FeedNumber gone) {
    if (gone != number()) return;
    news_.end();
    out_.fail({ExitCode::not_found, "the feed was dropped meanwhile", "fetch it again by its key"});
  }

  FeedUse use_;
  FeedLibrary::News::Listening news_;
  Listeners<store::FeedNumber>::Listening gone_;
};

// The info object of an open feed (cli.md).
Json feed_info(Daemon& daemon, store::FeedNumber number);
// "A..B": blocks A to B - 1; either may be missing. Error usage.
struct BlockSpan {
  std::uint64_t start = 0;
  std::optional<std::uint64_t> end;
};
Outcome<BlockSpan> parse_range(const std::string& text);

}  // namespace cip::node
