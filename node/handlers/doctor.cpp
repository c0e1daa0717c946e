// doctor: what a node needs to be of use, one line per check.

#include <fmt/format.h>

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <deque>

#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/port_pair.hpp"

namespace cip::node {

namespace {

// 2024-01-01: no clock that is right shows less.
constexpr std::uint64_t kEarliestWall = 1'704'067'200'000;
constexpr Duration kConnectTime = std::chrono::seconds(2);

struct Finding {
  bool ok = false;
  ExitCode code = ExitCode::ok;  // when not ok
  std::string message;
  std::string hint;
};

Finding good(std::string message) { return {true, ExitCode::ok, std::move(message), {}}; }
Finding bad(ExitCode code, std::string message, std::string hint) {
  return {false, code, std::move(message), std::move(hint)};
}

class Doctor final : public Operation {
 public:
  Doctor(Daemon& daemon, Params&, Output& out)
      : Operation(out),
        daemon_(daemon),
        participant_(daemon.participant()),
        ready_(daemon),
        socket_(daemon.io()),
        timer_(daemon.io()) {}
  ~Doctor() override { participant_.unwatch(query_); }

  void start() override {
    report("bind", bind());
    report("clock", clock());
    report("local network", local_network());
    ready_.wait([this] {
      report("contacts", contacts());
      report("own address", own_address());
      find_self();
    });
  }

 private:
  void report(const char* check, const Finding& finding) {
    out_.result({{"check", check},
                 {"ok", finding.ok},
                 {"code", static_cast<int>(finding.code)},
                 {"message", finding.message},
                 {"hint", finding.hint}});
  }

  Finding bind() const {
    const auto local = participant_.local();
    if (local.port == kDefaultPort) return good(fmt::format("UDP and TCP on {}", to_string(local)));
    return good(
        fmt::format("UDP and TCP on {}, not the default port {}", to_string(local), kDefaultPort));
  }

  static Finding clock() {
    if (now().wall.value >= kEarliestWall) return good("the clock shows a plausible time");
    return bad(ExitCode::internal, "the clock is years behind", "set the clock of this host");
  }

  Finding local_network() const {
    const auto problem = daemon_.lan_problem();
    if (problem.empty()) return good("neighbours are looked for by multicast");
    if (!daemon_.options().lan) return good("not looked at (--no-lan)");
    return bad(ExitCode::no_route, fmt::format("no local discovery: {}", problem),
               "let UDP multicast pass, or name contacts with --bootstrap");
  }

  Finding contacts() const {
    const auto known = participant_.dht().table().size();
    if (known > 0) return good(fmt::format("{} nodes are known", known));
    return bad(ExitCode::no_route, "no other node is known",
               "name a contact with --bootstrap HOST:PORT");
  }

  Finding own_address() const {
    const auto& dht = participant_.dht();
    const auto address = dht.address();
    if (!address) {
      return bad(ExitCode::no_route, "no own address is known",
                 "nodes learn it from others: name a contact with --bootstrap");
    }
    const auto place = to_string(*address);
    if (!dht.is_firewalled()) return good(fmt::format("{}, reachable", place));
    return good(fmt::format("{}, not proven reachable yet", place));
  }

  void find_self() {
    query_ = participant_.dht().find_peer(now(), hash(daemon_.identity().public_key));
    participant_.watch(query_, [this](const dht::Event& event) {
      if (std::holds_alternative<dht::QueryReply>(event)) ++relays_;
      if (!std::holds_alternative<dht::QueryDone>(event)) return;
      query_ = {};
      report("self-find", self_found());
      connect_back();
    });
    participant_.changed();
  }

  Finding self_found() const {
    if (relays_ > 0) return good(fmt::format("own key found at {} nodes", relays_));
    if (participant_.dht().table().empty()) return good("nobody there to ask");
    return bad(ExitCode::not_found, "nobody knows the own key yet",
               "wait a few seconds after the start; then look at: cipnode status");
  }

  // From this host to the own listener, at the address that others are told.
  void connect_back() {
    const auto endpoints = participant_.tcp_endpoints();
    if (endpoints.empty()) {
      report("TCP", bad(ExitCode::no_route, "no address to be dialled at", "check the network"));
      return out_.done();
    }
    const auto target = endpoints.front();
    timer_.expires_after(kConnectTime);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired()) socket_.close();
    });
    socket_.async_connect(
        {asio::ip::address_v4(target.ip), target.port},
        [this, target, alive = std::weak_ptr(alive_)](std::error_code error) {
          if (alive.expired()) return;
          timer_.cancel();
          const auto place = to_string(target);
          report("TCP", error ? bad(ExitCode::no_route,
                                    fmt::format("{} does not accept: {}", place, error.message()),
                                    "let the port through the firewall, or forward it")
                              : good(fmt::format("{} accepts connections", place)));
          out_.done();
        });
  }

  Daemon& daemon_;
  Participant& participant_;
  ReadyWait ready_;
  dht::QueryId query_{};
  std::size_t relays_ = 0;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_doctor_handlers(HandlerTable& table) { table["doctor"] = factory_of<Doctor>(); }

}  // namespace cip::node
