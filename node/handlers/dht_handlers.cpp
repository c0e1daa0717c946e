// lookup, announce, put, get, size: the DHT's own operations.

#include <fmt/format.h>

#include "base/text.hpp"
#include "dht/payloads.hpp"
#include "dht/routing_table.hpp"
#include "dht/size_estimator.hpp"
#include "node/clock.hpp"
#include "node/feed_loader.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

// 64 hex digits, `topic:NAME` or `feed:KEY`.
Outcome<Bytes32> parse_target(const std::string& text) {
  if (text.starts_with("feed:")) {
    const auto key = parse_key(text.substr(5));
    if (key) return discovery_key(*key);
  } else if (text.starts_with("topic:")) {
    const auto topic = parse_topic(parse_key(text.substr(6)) ? text : text.substr(6));
    if (topic) return topic->id;
  } else if (const auto bytes = from_hex(text); bytes && bytes->size() == 32) {
    return first_bytes<32>(*bytes);
  }
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is not a target", text),
                   "a target is 64 hex digits, topic:NAME or feed:KEY");
}

// One query, begun when the node knows somebody.
class QueryOperation : public Operation {
 public:
  QueryOperation(Daemon& daemon, Output& out) : Operation(out), daemon_(daemon), ready_(daemon) {}
  ~QueryOperation() override { daemon_.participant().unwatch(query_); }

  void start() final {
    begun_ = now().mono;
    ready_.wait([this] { begin(); });
  }
  void handle_deadline() override {
    if (ready_.is_waiting()) return out_.fail(no_contact_error());
    Operation::handle_deadline();
  }

 protected:
  virtual Result<dht::QueryId> ask(dht::Node& node) = 0;
  virtual void take(const dht::QueryReply&) {}
  virtual void finish(const dht::QueryDone& done) = 0;

  double took_ms() const { return ms_since(begun_); }

  Daemon& daemon_;

 private:
  void begin() {
    auto& participant = daemon_.participant();
    const auto query = ask(participant.dht());
    if (!query) return out_.fail(error_from(query.error(), "asking the DHT"));
    query_ = *query;
    participant.watch(query_, [this](const dht::Event& event) {
      if (const auto* reply = std::get_if<dht::QueryReply>(&event)) take(*reply);
      if (const auto* done = std::get_if<dht::QueryDone>(&event)) {
        query_ = {};
        finish(*done);
      }
    });
    participant.changed();
  }

  ReadyWait ready_;
  TimePoint begun_{};
  dht::QueryId query_{};
};

class Lookup final : public QueryOperation {
 public:
  Lookup(Daemon& daemon, Output& out, const Bytes32& target)
      : QueryOperation(daemon, out), target_(target) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override { return node.lookup(now(), target_); }

  void take(const dht::QueryReply& reply) override {
    const auto decoded = dht::decode_lookup_reply(reply.value);
    if (!decoded) return;
    for (const auto& peer : decoded->peers) {
      auto relays = Json::array();
      for (const auto relay : peer.relay_addresses) relays.push_back(to_string(relay));
      out_.result({{"key", to_z32(peer.public_key)},
                   {"relays", std::move(relays)},
                   {"from", to_string(reply.from)}});
      ++found_;
    }
  }

  void finish(const dht::QueryDone& done) override {
    if (found_ > 0) return out_.done();
    if (done.answers == 0) return out_.fail(no_contact_error());
    out_.fail({ExitCode::not_found, "nobody announces this target", "check the target"});
  }

  Bytes32 target_;
  std::size_t found_ = 0;
};

std::size_t accepted(const dht::QueryDone& done) {
  std::size_t count = done.stored_here ? 1 : 0;
  for (const auto& stored : done.stored) count += stored.error == 0;
  return count;
}

class Announce final : public QueryOperation {
 public:
  Announce(Daemon& daemon, Output& out, const Bytes32& target)
      : QueryOperation(daemon, out), target_(target) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override {
    auto& participant = daemon_.participant();
    return node.announce(now(), target_, daemon_.identity(),
                         participant.announcer().relay_addresses());
  }
  void finish(const dht::QueryDone& done) override {
    if (done.error) {
      return out_.fail(done.answers == 0 ? no_contact_error()
                                         : error_from(done.error, "announcing the target"));
    }
    // From here on the node keeps it announced.
    daemon_.participant().announcer().announce(now(), target_, daemon_.identity());
    daemon_.participant().changed();
    out_.result({{"target", to_hex(target_)}, {"stored", accepted(done)}, {"tookMs", took_ms()}});
    out_.done();
  }

  Bytes32 target_;
};

class Put final : public QueryOperation {
 public:
  Put(Daemon& daemon, Output& out, Bytes value, std::optional<std::uint64_t> seq,
      std::optional<KeyPair> key)
      : QueryOperation(daemon, out),
        value_(std::move(value)),
        seq_(seq.value_or(now().wall.value)),
        key_(std::move(key)) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override {
    if (key_) return node.put_mutable(now(), *key_, seq_, value_);
    return node.put_immutable(now(), value_);
  }
  void finish(const dht::QueryDone& done) override {
    if (done.error) {
      return out_.fail(done.answers == 0 ? no_contact_error()
                                         : error_from(done.error, "storing the value"));
    }
    Json object{{"hash", to_hex(done.target)}};
    if (key_) {
      add_key(object, key_->public_key);
      object["seq"] = seq_;
    }
    const auto stored = accepted(done);
    object["stored"] = stored;
    object["refused"] = done.stored.size() + (done.stored_here ? 1 : 0) - stored;
    object["tookMs"] = took_ms();
    out_.result(object);
    out_.done();
  }

  Bytes value_;
  std::uint64_t seq_;
  std::optional<KeyPair> key_;
};

// An immutable value by its hash or, when nobody has one, a mutable value by its key.
class Get final : public QueryOperation {
 public:
  Get(Daemon& daemon, Output& out, const Bytes32& target, bool by_key)
      : QueryOperation(daemon, out), target_(target), by_key_(by_key) {}

 private:
  Result<dht::QueryId> ask(dht::Node& node) override {
    if (by_key_) return node.get_mutable(now(), target_, 0);
    return node.get_immutable(now(), target_);
  }
  void take(const dht::QueryReply& reply) override {
    if (!by_key_) {
      if (!best_) best_ = Found{reply.value, 0, reply.from};
      return;
    }
    const auto value = dht::decode_mutable_value(reply.value);
    if (value && (!best_ || value->seq > best_->seq))
      best_ = Found{value->value, value->seq, reply.from};
  }
  void finish(const dht::QueryDone& done) override {
    if (!best_) {
      if (done.answers == 0) return out_.fail(no_contact_error());
      return out_.fail({ExitCode::not_found, "nobody holds this value",
                        "values are kept for two days after they were last put"});
    }
    Json object;
    if (is_utf8(best_->value)) {
      object["value"] = text_of(best_->value);
    } else {
      object["valueBase64"] = to_base64(best_->value);
    }
    object["seq"] = best_->seq;
    object["from"] = to_string(best_->from);
    out_.result(object);
    out_.done();
  }

  struct Found {
    Bytes value;
    std::uint64_t seq = 0;
    Endpoint from;
  };
  Bytes32 target_;
  bool by_key_;
  std::optional<Found> best_;
};

// Walks to random targets until there are enough samples for a fair interval.
class Size final : public Operation {
 public:
  static constexpr std::size_t kWalks = 8;

  Size(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon), ready_(daemon) {}
  ~Size() override { daemon_.participant().unwatch(query_); }

  void start() override {
    ready_.wait([this] { walk(); });
  }

 private:
  void walk() {
    auto& participant = daemon_.participant();
    if (walks_++ == kWalks) return show();
    query_ = participant.dht().find_node(now(), daemon_.random().bytes<32>());
    participant.watch(query_, [this](const dht::Event& event) {
      const auto* done = std::get_if<dht::QueryDone>(&event);
      if (!done) return;
      query_ = {};
      if (done->answers == 0) return out_.fail(no_contact_error());
      walk();
    });
    participant.changed();
  }

  void show() {
    const auto* estimator = daemon_.participant().dht().size_estimator();
    const auto density = estimator ? estimator->density() : std::nullopt;
    if (!density) return out_.fail(no_contact_error());
    const auto robust = estimator->robust();
    out_.result({{"estimate", density->nodes},
                 {"low", density->low},
                 {"high", density->high},
                 {"samples", density->samples},
                 {"robust", robust ? Json(robust->nodes) : Json(nullptr)}});
    out_.done();
  }

  Daemon& daemon_;
  ReadyWait ready_;
  std::size_t walks_ = 0;
  dht::QueryId query_{};
};

template <typename T>
Factory with_target() {
  return [](Daemon& daemon, const Request& request,
            Output& out) -> Outcome<std::unique_ptr<Operation>> {
    Params params(request.params);
    const auto target = parse_target(params.required_text("target"));
    if (params.error()) return tl::unexpected(*params.error());
    if (!target) return tl::unexpected(target.error());
    return std::make_unique<T>(daemon, out, *target);
  };
}

Outcome<std::unique_ptr<Operation>> make_put(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto text = params.text("value");
  const auto base64 = params.text("valueBase64");
  const auto seq = params.number("seq");
  const auto name = params.text("key");
  if (params.error()) return tl::unexpected(*params.error());
  auto value = base64.empty() ? to_bytes(bytes_of(text)) : from_base64(base64).value_or(Bytes{});
  auto key = name.empty() ? std::nullopt : std::optional(daemon.record_key(name));
  return std::make_unique<Put>(daemon, out, std::move(value), seq, std::move(key));
}

// A hash is hex; a key may be hex as well and is then tried as `key:`.
Outcome<std::unique_ptr<Operation>> make_get(Daemon& daemon, const Request& request, Output& out) {
  Params params(request.params);
  const auto text = params.required_text("target");
  if (params.error()) return tl::unexpected(*params.error());
  const auto hash_bytes = from_hex(text);
  if (hash_bytes && hash_bytes->size() == 32) {
    return std::make_unique<Get>(daemon, out, first_bytes<32>(*hash_bytes), false);
  }
  const auto key = parse_key(text.starts_with("key:") ? text.substr(4) : text);
  if (key) return std::make_unique<Get>(daemon, out, *key, true);
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is neither a hash nor a key", text),
                   "a hash is 64 hex digits; write a key as z32, or as key:HEX");
}

}  // namespace

void add_dht_handlers(HandlerTable& table) {
  table["lookup"] = with_target<Lookup>();
  table["announce"] = with_target<Announce>();
  table["put"] = make_put;
  table["get"] = make_get;
  table["size"] = factory_of<Size>();
}

}  // namespace cip::node
