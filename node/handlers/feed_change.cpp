// feed.truncate, feed.clear, feed.drop: what takes away from a feed.

#include <fmt/format.h>

#include <asio/post.hpp>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

class Change : public FeedOperation {
 public:
  Change(Daemon& daemon, Params& params, Output& out) : FeedOperation(daemon, out) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }

  void start() override { open(query_); }

 protected:
  // The answer does not wait for the disk to be given back, which takes longer than the change.
  void finish(Json result) {
    daemon_.storage().ask(store::StorageLane::reclaim, store::ReclaimOp{number()});
    out_.result(std::move(result));
    out_.done();
  }
  Json named() {
    Json result = Json::object();
    add_key(result, feed().key());
    return result;
  }

 private:
  FeedQuery query_;
};

class Truncate final : public Change {
 public:
  Truncate(Daemon& daemon, Params& params, Output& out)
      : Change(daemon, params, out), length_(params.number("length").value_or(0)) {}

 private:
  void opened() override {
    if (!known().signer) {
      return out_.fail({ExitCode::refused, "this home does not hold the secret of the feed",
                        "only the node that made a feed can cut it"});
    }
    if (known().record.topic) {
      return out_.fail({ExitCode::usage, "the feed belongs to a topic, whose readers rely on it",
                        "publish a message that takes the others back"});
    }
    if (length_ > feed().length()) {
      return out_.fail({ExitCode::usage,
                        fmt::format("the feed has {}, fewer than {}",
                                    counted(feed().length(), "block"), length_),
                        "cipnode feed info shows the length"});
    }
    if (auto may = daemon_.may_append(); !may) return out_.fail(std::move(may.error()));
    if (known().restored) {
      return out_.fail({ExitCode::conflict,
                        "this feed was restored from a backup or imported, and it is not known how "
                        "long it is: it may have been cut, or be longer, elsewhere",
                        "the first append asks for it; cut the feed afterwards"});
    }
    const auto cut = daemon_.feeds().truncate(number(), length_);
    // Somebody appends to the feed, or cuts it: it comes after that.
    waits_ = !cut && cut.error() == store::Errc::overloaded;
    if (!cut && !waits_) out_.fail(error_from(cut.error(), "cutting the feed"));
  }

  void handle(const overlay::FeedNews& news) override {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    if (!event) return;
    if (const auto* broken = std::get_if<store::StoreFailed>(event)) {
      return out_.fail(error_from(broken->reason, "writing the feed"));
    }
    const bool is_cut = std::holds_alternative<store::Truncated>(*event);
    if (waits_ && (is_cut || std::holds_alternative<store::Appended>(*event))) return opened();
    if (waits_ || !is_cut) return;
    auto result = named();
    result["length"] = feed().length();
    result["fork"] = feed().fork();
    result["treeHash"] = to_hex(feed().tree_hash());
    finish(std::move(result));
  }

  std::uint64_t length_;
  bool waits_ = false;
};

class Clear final : public Change {
 public:
  Clear(Daemon& daemon, Params& params, Output& out)
      : Change(daemon, params, out),
        range_(params.required_text("range")),
        own_too_(params.flag("yes")) {}

 private:
  void opened() override {
    const auto span = parse_range(range_);
    if (!span) return out_.fail(span.error());
    if (known().record.writable && !own_too_) {
      return out_.fail({ExitCode::usage, "this node wrote the feed: its blocks may be nowhere else",
                        "add --yes if others hold them, or if they may go"});
    }
    const auto end = std::min(span->end.value_or(feed().length()), feed().length());
    for (auto index = span->start; index < end; ++index) cleared_ += feed().has(index) ? 1 : 0;
    auto& replication = daemon_.participant().hub().replication();
    const auto done = replication.clear(now(), number(), span->start, std::max(end, span->start));
    if (!done) return out_.fail(error_from(done.error(), "clearing blocks"));
    ticket_ = feed().sync();
    daemon_.participant().changed();
  }

  void handle(const overlay::FeedNews& news) override {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    if (!event) return;
    if (const auto* broken = std::get_if<store::StoreFailed>(event)) {
      return out_.fail(error_from(broken->reason, "writing the feed"));
    }
    const auto* synced = std::get_if<store::Synced>(event);
    if (!synced || synced->ticket != ticket_) return;
    auto result = named();
    result["cleared"] = cleared_;
    finish(std::move(result));
  }

  std::string range_;
  bool own_too_;
  std::uint64_t cleared_ = 0;
  store::Ticket ticket_ = 0;
};

class DropFeed final : public Change {
 public:
  using Change::Change;

 private:
  void opened() override {
    if (known().record.topic) {
      return out_.fail({ExitCode::usage, "the feed belongs to a topic",
                        "cipnode topic ls shows the topics of this home"});
    }
    // Requests that have just ended give their use back first.
    asio::post(daemon_.io(), [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) drop();
    });
  }

  void drop() {
    auto result = named();
    daemon_.feeds().drop(give_use(), [this, result = std::move(result),
                                      alive = std::weak_ptr(alive_)](Outcome<void> done) {
      if (alive.expired()) return;
      if (!done) return out_.fail(std::move(done.error()));
      out_.result(result);
      out_.done();
    });
  }
};

}  // namespace

void add_feed_change_handlers(HandlerTable& table) {
  table["feed.truncate"] = factory_of<Truncate>();
  table["feed.clear"] = factory_of<Clear>();
  table["feed.drop"] = factory_of<DropFeed>();
}

}  // namespace cip::node
