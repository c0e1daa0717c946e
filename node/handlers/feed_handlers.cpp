// feed.create, ls, info, unseed: what is known of feeds.

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/names.hpp"
#include "node/store_error.hpp"

namespace cip::node {

// The evidence of two histories: where they agree, and what the writer signed beyond that.
Json frozen_info(const store::Feed& feed) {
  if (!feed.is_frozen()) return nullptr;
  Json out{{"length", feed.length()}, {"heads", Json::array()}};
  if (!feed.equivocation()) return out;
  out["length"] = feed.equivocation()->length;
  for (const auto& head : {feed.equivocation()->ours, feed.equivocation()->theirs}) {
    out["heads"].push_back({{"fork", head.fork},
                            {"length", head.length},
                            {"treeHash", to_hex(head.tree_hash())},
                            {"signature", to_hex(head.signature)}});
  }
  return out;
}

Json feed_info(Daemon& daemon, store::FeedNumber number) {
  const auto& feed = *daemon.feeds().feed(number);
  const auto& open = *daemon.feeds().find(number);
  const auto& record = open.record;
  Json info = Json::object();
  if (!record.name.empty()) info["name"] = record.name;
  add_key(info, feed.key());
  info["discoveryKey"] = to_hex(feed.discovery_key());
  info["length"] = feed.length();
  info["byteLength"] = feed.byte_length();
  info["fork"] = feed.fork();
  info["treeHash"] = to_hex(feed.tree_hash());
  info["contiguousLength"] = feed.contiguous_length();
  info["held"] = feed.blocks().count(0, feed.length());
  info["writable"] = record.writable;
  info["encrypted"] = record.encrypted || open.encryption_key;
  info["seeded"] = record.seeded;
  info["frozen"] = frozen_info(feed);
  info["peers"] = daemon.participant().hub().replication().peers(number).size();
  return info;
}

Outcome<BlockSpan> parse_range(const std::string& text) {
  const auto wrong = [&] {
    return fail_with(ExitCode::usage, fmt::format("\"{}\" is not a range of blocks", text),
                     "write A..B for the blocks from A to B - 1; either may be left out");
  };
  const auto dots = text.find("..");
  if (dots == std::string::npos) return wrong();
  const auto read = [](std::string_view part) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size()) return std::nullopt;
    return value;
  };
  BlockSpan span;
  const auto first = std::string_view(text).substr(0, dots);
  const auto second = std::string_view(text).substr(dots + 2);
  if (!first.empty()) {
    const auto start = read(first);
    if (!start) return wrong();
    span.start = *start;
  }
  if (!second.empty()) {
    span.end = read(second);
    if (!span.end || *span.end < span.start) return wrong();
  }
  return span;
}

namespace {

class CreateFeed final : public FeedOperation {
 public:
  CreateFeed(Daemon& daemon, Params& params, Output& out) : FeedOperation(daemon, out) {
    wanted_.name = params.required_text("name");
    wanted_.compat = params.flag("compat");
    wanted_.encrypted = params.flag("encrypted");
    wanted_.derived = params.flag("derive");
    wanted_.is_private = params.flag("private");
  }
  void start() override {
    if (const auto fault = feed_name_fault(wanted_.name)) {
      return out_.fail({ExitCode::usage, *fault, "choose another name"});
    }
    create(wanted_);
  }

 private:
  void opened() override {
    Json result{{"name", wanted_.name}};
    add_key(result, feed().key());
    result["discoveryKey"] = to_hex(feed().discovery_key());
    if (wanted_.encrypted) return add_encryption_key(std::move(result));
    out_.result(result);
    out_.done();
  }

  // Readers need it beside the feed's key.
  void add_encryption_key(Json result) {
    daemon_.storage().ask(store::StorageLane::directory, store::FindRingKeyOp{feed().key()}, alive_,
                          [this, result = std::move(result)](
                              const Result<std::optional<store::RingKey>>& ring) mutable {
                            if (!ring)
                              return out_.fail(error_from(ring.error(), "reading the key ring"));
                            if (*ring && (*ring)->encryption_key) {
                              result["encryptionKey"] = to_z32(*(*ring)->encryption_key);
                            }
                            out_.result(result);
                            out_.done();
                          });
  }

  store::NewWriter wanted_;
};

class Info final : public FeedOperation {
 public:
  Info(Daemon& daemon, Params& params, Output& out) : FeedOperation(daemon, out) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }
  void start() override { open(query_); }

 private:
  void opened() override {
    out_.result(feed_info(daemon_, number()));
    out_.done();
  }
  FeedQuery query_;
};

// All feeds of the home, one after the other, so that few are open at once.
class ListFeeds final : public Operation {
 public:
  ListFeeds(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {
    daemon_.storage().ask(store::StorageLane::directory, store::ListFeedsOp{}, alive_,
                          [this](const Result<std::vector<store::FeedRecord>>& records) {
                            if (!records)
                              return out_.fail(error_from(records.error(), "listing feeds"));
                            for (const auto& record : *records) {
                              if (!record.topic) keys_.push_back(record.key);
                            }
                            next();
                          });
  }

 private:
  void next() {
    // The others are listed all the same.
    if (at_ == keys_.size()) return failed_ ? out_.fail(std::move(*failed_)) : out_.done();
    FeedQuery query;
    query.key = keys_[at_++];
    query.create = false;
    daemon_.feeds().open(std::move(query), command_,
                         [this, alive = std::weak_ptr(alive_)](const Outcome<FeedUse>& use) {
                           if (alive.expired()) return;
                           if (use) out_.result(feed_info(daemon_, use->number()));
                           if (!use) note(use.error());
                           next();
                         });
  }

  // A feed that was dropped meanwhile is no failure.
  void note(const Error& error) {
    if (!failed_ && error.code != ExitCode::not_found) failed_ = error;
  }

  Daemon& daemon_;
  std::vector<Bytes32> keys_;
  std::size_t at_ = 0;
  std::optional<Error> failed_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class Unseed final : public FeedOperation {
 public:
  Unseed(Daemon& daemon, Params& params, Output& out) : FeedOperation(daemon, out) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }
  void start() override { open(query_); }

 private:
  void opened() override {
    const auto& record = known().record;
    if (record.topic && !record.seeded) {
      return out_.fail({ExitCode::usage, "the feed belongs to a topic, and is served with it",
                        "cipnode topic drop ends both"});
    }
    if (record.writable) {
      return out_.fail(
          {ExitCode::usage, "this is an own feed: it is served as long as a node of this home runs",
           "feed create --private makes one that is not announced; feed drop ends it"});
    }
    daemon_.feeds().set_seeded(number(), false,
                               [this, alive = std::weak_ptr(alive_)](Outcome<void> done) {
                                 if (alive.expired()) return;
                                 if (!done) return out_.fail(std::move(done.error()));
                                 Json result = Json::object();
                                 add_key(result, feed().key());
                                 out_.result(result);
                                 out_.done();
                               });
  }
  FeedQuery query_;
};

}  // namespace

void add_feed_handlers(HandlerTable& table) {
  table["feed.create"] = factory_of<CreateFeed>();
  table["feed.ls"] = factory_of<ListFeeds>();
  table["feed.info"] = factory_of<Info>();
  table["feed.unseed"] = factory_of<Unseed>();
}

}  // namespace cip::node
