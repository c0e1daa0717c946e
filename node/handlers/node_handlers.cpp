// status, peers, routes, log.level, config.reload, stop, join.wait: about the node itself.

#include <fmt/format.h>
#include <unistd.h>

#include <asio/steady_timer.hpp>

#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/metrics.hpp"
#include "node/handlers/status.hpp"
#include "node/log_levels.hpp"
#include "node/participant.hpp"
#include "node/reload.hpp"

namespace cip::node {

namespace {

// The table counts time in ticks (dht.md 9).
constexpr double kTickMs = 5000;

class Status final : public Operation {
 public:
  Status(Daemon& daemon, Params& params, Output& out)
      : Operation(out), daemon_(daemon), metrics_(params.flag("metrics")) {}

  void start() override {
    gather_status(daemon_, [this, alive = std::weak_ptr(alive_)](const Json& status) {
      if (alive.expired()) return;
      out_.result(metrics_ ? Json{{"text", metrics_text(status)}} : status);
      out_.done();
    });
  }

 private:
  Daemon& daemon_;
  bool metrics_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// How it was opened: by a hello between cipnodes, by one with a stock peer, by Noise XX.
const char* stream_name(const overlay::StreamInfo& stream) {
  if (stream.bound) return "bound";
  return stream.remote.kind == overlay::LinkKind::udx ? "hello" : "xx";
}

Outcome<void> put_peers(Daemon& daemon, Output& out) {
  auto& participant = daemon.participant();
  const auto time = now().mono;
  for (const auto& status : participant.hub().streams()) {
    const auto& remote = status.stream.remote;
    Json line{{"key", to_z32(status.stream.peer)},
              {"address", to_string(remote.address)},
              {"transport", name_of(remote.kind)},
              {"direction", status.stream.outgoing ? "out" : "in"},
              {"stream", stream_name(status.stream)},
              {"sinceMs", to_ms(time - status.since)},
              {"bytesIn", status.bytes_in},
              {"bytesOut", status.bytes_out},
              {"channels", Json::array()}};
    if (const auto udx = participant.hub().udx().status(status.stream.conn)) {
      // Where the stream goes, which a hole or a network that both are in may have decided.
      if (udx->connected) line["address"] = to_string(udx->path.to);
      line["rttMs"] = udx->rtt ? Json(to_ms(*udx->rtt)) : Json(nullptr);
      line["mtu"] = udx->mtu;
      line["retransmits"] = udx->retransmits;
    }
    auto& replication = participant.hub().replication();
    for (const auto number : replication.feeds_on(status.stream.conn)) {
      if (const auto* feed = replication.find_feed(number)) {
        line["channels"].push_back(to_z32(feed->key()));
      }
    }
    out.result(line);
  }
  return {};
}

Outcome<void> put_routes(Daemon& daemon, Output& out) {
  auto& dht = daemon.participant().dht();
  const auto& table = dht.table();
  const auto newest = table.latest(1);
  for (const auto& member : table.members()) {
    Json line{{"bucket", table.bucket_of(member.contact.id)},
              {"node", to_hex(member.contact.id.bytes)},
              {"address", to_string(member.contact.endpoint)}};
    line["rttMs"] = member.round_trip ? Json(to_ms(*member.round_trip)) : Json(nullptr);
    line["seenMs"] = (newest.front().seen - member.seen) * kTickMs;
    line["stale"] = newest.front().seen - member.seen > dht::kOldTicks;
    out.result(line);
  }
  return {};
}

// Ends the node; with `makeWay` one that was started for a command, so that a `join` takes its home
// over.
class Stop final : public Operation {
 public:
  Stop(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        make_way_(params.flag("makeWay")),
        patience_(params.duration("patienceMs").value_or(Duration::max())) {}

  void start() override {
    if (make_way_ && daemon_.role() != HomeRole::for_command) {
      return out_.fail(
          {ExitCode::busy, "this node was joined: it stays", "stop it with: cipnode stop"});
    }
    out_.result({{"pid", ::getpid()}});
    out_.done();
    // After the answer has left.
    auto timer = std::make_shared<asio::steady_timer>(daemon_.io(), std::chrono::milliseconds(10));
    timer->async_wait(
        [timer, &daemon = daemon_, make_way = make_way_, patience = patience_](std::error_code) {
          make_way ? daemon.make_way(patience) : daemon.stop();
        });
  }

 private:
  Daemon& daemon_;
  bool make_way_;
  Duration patience_;  // for what the node is in the middle of
};

Factory at_once(Outcome<void> (*answer)(Daemon&, Output&)) {
  return
      [answer](Daemon& daemon, const Request&, Output& out) -> Outcome<std::unique_ptr<Operation>> {
        return std::make_unique<AtOnce>(
            out, [&daemon, answer](Output& to) { return answer(daemon, to); });
      };
}

// Changes levels if told to, and says how they are.
class LogLevels final : public Operation {
 public:
  LogLevels(Daemon&, Params& params, Output& out) : Operation(out), spec_(params.text("spec")) {}

  void start() override {
    if (auto done = change_log_levels(spec_); !done) return out_.fail(done.error());
    Json levels = Json::object();
    for (const auto& [floor, level] : log_levels()) levels[std::string(floor)] = level;
    out_.result({{"levels", std::move(levels)}});
    out_.done();
  }

 private:
  std::string spec_;
};

Json list_of(const std::vector<SettingChange>& changes) {
  Json out = Json::array();
  for (const auto& [key, from, to] : changes) {
    out.push_back({{"key", key}, {"from", from}, {"to", to}});
  }
  return out;
}

Outcome<void> put_reload(Daemon& daemon, Output& out) {
  const auto changes = daemon.reload();
  if (!changes) return tl::unexpected(changes.error());
  out.result(
      {{"atOnce", list_of(changes->at_once)}, {"atNextStart", list_of(changes->at_next_start)}});
  return {};
}

// Ends when the node has met another one.
class WaitForContact final : public Operation {
 public:
  WaitForContact(Daemon& daemon, Params&, Output& out)
      : Operation(out), daemon_(daemon), timer_(daemon.io()) {}

  void start() override { look(); }

  void handle_deadline() override {
    std::string problems;
    for (const auto& problem : daemon_.contact_problems()) {
      problems += (problems.empty() ? "" : "; ") + problem;
    }
    if (problems.empty()) problems = "no contact answered";
    out_.fail({ExitCode::no_route, problems, "check HOST:PORT, and that a node runs there"});
  }

 private:
  void look() {
    if (!daemon_.participant().dht().table().empty()) return out_.done();
    timer_.expires_after(std::chrono::milliseconds(50));
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired()) look();
    });
  }

  Daemon& daemon_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_node_handlers(HandlerTable& table) {
  table["status"] = factory_of<Status>();
  table["peers"] = at_once(put_peers);
  table["routes"] = at_once(put_routes);
  table["log.level"] = factory_of<LogLevels>();
  table["config.reload"] = at_once(put_reload);
  table["stop"] = factory_of<Stop>();
  table["join.wait"] = factory_of<WaitForContact>();
}

}  // namespace cip::node
