// doctor: what a node needs to be of use, one line per check.

#include <fmt/format.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <string_view>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/port_pair.hpp"
#include "node/udx_trial.hpp"

namespace cip::node {

namespace {

// No program is used for longer than some years after it was built: ten, and the rest of one.
constexpr int kYearsOfUse = 11;
constexpr int build_year() {
  int year = 0;
  for (const char digit : std::string_view(__DATE__).substr(7)) year = year * 10 + (digit - '0');
  return year;
}
constexpr std::uint64_t begin_of(int year) {
  const std::chrono::sys_days day{std::chrono::year(year) / std::chrono::January / 1};
  return static_cast<std::uint64_t>(std::chrono::milliseconds(day.time_since_epoch()).count());
}
// Of a clock that is right; a build says its year in the time of its place, a day off at most.
constexpr std::uint64_t kEarliestWall = begin_of(build_year()) - 86'400'000;
constexpr std::uint64_t kLatestWall = begin_of(build_year() + kYearsOfUse);
constexpr Duration kConnectTime = std::chrono::seconds(2);

struct Finding {
  bool ok = false;               // so is what was not tried
  ExitCode code = ExitCode::ok;  // when not ok
  std::string message{};
  std::string hint{};
  bool tried = true;
};

Finding untried(std::string message) {
  return {.ok = true, .message = std::move(message), .tried = false};
}
Finding good(std::string message) { return {.ok = true, .message = std::move(message)}; }
Finding bad(ExitCode code, std::string message, std::string hint) {
  return {.code = code, .message = std::move(message), .hint = std::move(hint)};
}

class Doctor final : public Operation {
 public:
  Doctor(Daemon& daemon, Params&, Output& out)
      : Operation(out),
        daemon_(daemon),
        participant_(daemon.participant()),
        ready_(daemon),
        socket_(daemon.io()),
        udx_(daemon.io(), daemon.random()),
        timer_(daemon.io()) {}
  ~Doctor() override { participant_.unwatch(query_); }

  void start() override {
    report("bind", bind());
    report("clock", clock());
    report("identity", identity());
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
                 {"tried", finding.tried},
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
    const auto wall = now().wall.value;
    const bool is_behind = wall < kEarliestWall;
    if (!is_behind && wall < kLatestWall) return good("the clock shows a plausible time");
    return bad(ExitCode::internal,
               fmt::format("the clock is years {}", is_behind ? "behind" : "ahead"),
               "set the clock of this host");
  }

  Finding local_network() const {
    const auto problem = daemon_.lan_problem();
    if (problem.empty()) return good("neighbours are looked for by multicast");
    if (!daemon_.options().lan) return untried("not looked at (--no-lan)");
    return bad(ExitCode::no_route, fmt::format("no local discovery: {}", problem),
               "let UDP multicast pass, or name contacts with --bootstrap");
  }

  Finding identity() const {
    if (auto may = daemon_.may_append(); !may) {
      return bad(may.error().code, may.error().message, may.error().hint);
    }
    if (participant_.duplicates().has_looked()) {
      return good("no other node with the own key answers");
    }
    return untried("nobody could be asked yet whether another node has the own key");
  }

  Finding contacts() const {
    const auto known = participant_.dht().table().size();
    if (known > 0) return good(fmt::format("other nodes known: {}", known));
    auto error = no_contact_error(daemon_);
    if (daemon_.contact_problems().empty()) error.message = "no other node is known";
    return bad(error.code, error.message, "name a contact with --bootstrap HOST:PORT");
  }

  // What the node goes by, and whose word that is.
  Finding own_address() const {
    const auto& dht = participant_.dht();
    const auto address = dht.address();
    if (!address) {
      return bad(ExitCode::no_route, "no own address is known",
                 "nodes learn it from others: name a contact with --bootstrap");
    }
    const auto place = to_string(*address);
    if (dht.is_firewalled()) return good(fmt::format("{}, not proven reachable yet", place));
    if (const auto proofs = dht.nat_view().proofs; proofs > 0) {
      return good(fmt::format("{}, reachable: strangers reached it {} times", place, proofs));
    }
    if (daemon_.options().reachable) return good(fmt::format("{}, reachable by --public", place));
    return good(fmt::format("{}, taken for reachable: no other node has tried", place));
  }

  void find_self() {
    if (!daemon_.has_contact()) {
      report("self-find", self_found());
      return connect();
    }
    query_ = participant_.dht().find_peer(now(), hash(daemon_.identity().public_key));
    participant_.watch(query_, [this](const dht::Event& event) {
      const auto* reply = std::get_if<dht::QueryReply>(&event);
      if (reply && !is_own(reply->from)) holders_.insert(reply->from);
      const auto* done = std::get_if<dht::QueryDone>(&event);
      if (!done) return;
      query_ = {};
      answers_ = done->answers;
      report("self-find", self_found());
      connect();
    });
    participant_.changed();
  }

  bool is_own(Endpoint endpoint) const {
    const auto own = participant_.tcp_endpoints();
    return std::ranges::find(own, endpoint) != own.end();
  }

  Finding self_found() const {
    if (!holders_.empty()) {
      return good(fmt::format("{} of {} other nodes asked hold the announce of the own key",
                              holders_.size(), std::max<std::size_t>(answers_, holders_.size())));
    }
    if (answers_ == 0) return untried("there was no other node to ask");
    return bad(ExitCode::not_found,
               fmt::format("none of {} other nodes asked knows the own key yet", answers_),
               "wait a few seconds after the start; then look at: cipnode status");
  }

  // Others prove more than this host can: a socket of its own never leaves it.
  std::size_t connections_from_others() const {
    std::size_t count = 0;
    for (const auto& status : participant_.hub().streams()) count += !status.stream.outgoing;
    return count;
  }

  // To the own listener, at the address that others are told.
  void connect() {
    const auto endpoints = participant_.tcp_endpoints();
    if (endpoints.empty()) {
      report("TCP", bad(ExitCode::no_route, "no address to be dialled at", "check the network"));
      return try_udx();
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
                              : good(accepts(place)));
          try_udx();
        });
  }

  void try_udx() {
    if (daemon_.options().transport == Transport::tcp) {
      report("UDX", untried("not used (--transport tcp)"));
      return out_.done();
    }
    udx_.start([this](const UdxTrial::Result& result) {
      report("UDX", udx_works(result));
      out_.done();
    });
  }

  static Finding udx_works(const UdxTrial::Result& result) {
    if (result.error) {
      return bad(ExitCode::no_route,
                 fmt::format("no stream over UDP between two sockets of this host: {}",
                             result.error.message()),
                 "let UDP on the loopback interface through the firewall");
    }
    return good(
        fmt::format("a stream over UDP between two sockets of this host carried {} KiB "
                    "there and back",
                    kUdxTrialBytes / 1024));
  }

  std::string accepts(const std::string& place) const {
    const auto others = connections_from_others();
    if (others == 0) {
      return fmt::format("{} accepts connections of this host; no other one has tried", place);
    }
    return fmt::format("{} accepts connections; other nodes have opened {}", place,
                       counted(others, "stream"));
  }

  Daemon& daemon_;
  Participant& participant_;
  ReadyWait ready_;
  dht::QueryId query_{};
  std::set<Endpoint> holders_;  // of the announce of the own key
  std::size_t answers_ = 0;
  asio::ip::tcp::socket socket_;
  UdxTrial udx_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_doctor_handlers(HandlerTable& table) { table["doctor"] = factory_of<Doctor>(); }

}  // namespace cip::node
