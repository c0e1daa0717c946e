// What a monitor asks of a running node: whether it can do its work.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <asio/steady_timer.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/counted.hpp"
#include "base/quantity.hpp"
#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/daemon.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/walk.hpp"
#include "node/participant.hpp"
#include "node/storage_pool.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

using namespace std::chrono_literals;

// Below this RocksDB may fail in the middle of a write of its own.
constexpr std::uint64_t kLeastSpace = 64 << 20;
// A disk that needs longer for one small write hangs.
constexpr Duration kDiskPatience = std::chrono::seconds(3);

struct HealthFinding {
  std::string check;
  ExitCode code = ExitCode::ok;  // ok: nothing is wrong
  std::string message;
  std::string hint = {};
};

HealthFinding good(const char* check, std::string message) {
  return {check, ExitCode::ok, std::move(message)};
}

HealthFinding space(Daemon& daemon) {
  std::error_code error;
  const auto free = std::filesystem::space(daemon.paths().home, error).available;
  const auto use = daemon.disk().use();
  const auto quota = daemon.disk().quota();
  if (!error && free < kLeastSpace) {
    return {"disk", ExitCode::full,
            fmt::format("{} are free on the disk", bytes_text(static_cast<double>(free))),
            "free some space"};
  }
  if (use.own + use.kept >= quota || daemon.disk().is_short()) {
    return {"disk", ExitCode::full, "the quota is used up by own and kept feeds",
            "raise --quota, or drop what is not needed"};
  }
  if (daemon.disk().is_topics_full()) {
    return {"disk", ExitCode::full,
            "the share of topics in the quota is used up: messages of others wait",
            "raise --quota, or drop what is not needed"};
  }
  return good("disk", fmt::format("{} of {} of the quota are used",
                                  bytes_text(static_cast<double>(use.own + use.kept + use.cache)),
                                  bytes_text(static_cast<double>(quota))));
}

HealthFinding feeds(Daemon& daemon) {
  for (const auto& [number, open] : daemon.feeds().open_feeds()) {
    const auto* feed = daemon.feeds().feed(number);
    if (!feed || !open.record.writable) continue;
    const auto name =
        open.record.name.empty() ? to_z32(open.record.key) : "\"" + open.record.name + "\"";
    if (feed->is_frozen()) {
      return {"feeds", ExitCode::conflict, fmt::format("the own feed {} has two histories", name),
              "see: cipnode feed info " + to_z32(open.record.key)};
    }
    if (open.failed) {
      return {"feeds", ExitCode::internal,
              fmt::format("a write of the own feed {} failed; it is opened again", name),
              "see that the disk has room and can be written"};
    }
  }
  return good("feeds", fmt::format("{} open", daemon.feeds().open_feeds().size()));
}

HealthFinding identity(Daemon& daemon) {
  if (auto may = daemon.may_append(); !may) {
    return {"identity", may.error().code, may.error().message, may.error().hint};
  }
  return good("identity", "no other node with the own key was met");
}

HealthFinding network(Daemon& daemon) {
  const auto contacts = daemon.participant().dht().table().size();
  if (contacts > 0) return good("network", counted(contacts, "contact"));
  if (!daemon.has_contacts_to_ask()) {
    return good("network", "no contacts, and none were given: the node is alone");
  }
  return {"network", ExitCode::no_route, no_contact_error(daemon).message,
          "check them, and the way there, with: cipnode doctor"};
}

HealthFinding own_streams(Daemon& daemon) {
  return good("peers", fmt::format("{} connected", daemon.participant().hub().streams().size()));
}

// In the order in which they are told; the first that fails gives the exit code.
using Check = HealthFinding (*)(Daemon&);
constexpr std::array<Check, 5> kChecks{space, feeds, identity, network, own_streams};

Json health_object(const std::vector<HealthFinding>& findings) {
  Json checks = Json::array();
  for (const auto& finding : findings) {
    Json check{{"check", finding.check},
               {"ok", finding.code == ExitCode::ok},
               {"code", static_cast<int>(finding.code)},
               {"message", finding.message}};
    if (!finding.hint.empty()) check["hint"] = finding.hint;
    checks.push_back(std::move(check));
  }
  const bool ok = std::ranges::all_of(
      findings, [](const auto& finding) { return finding.code == ExitCode::ok; });
  return {{"ok", ok}, {"checks", std::move(checks)}};
}

HealthFinding database(const Result<void>& written) {
  if (written) return good("database", "it was written just now");
  const auto error = error_from(written.error(), "writing the database");
  return {"database", error.code == ExitCode::ok ? ExitCode::internal : error.code, error.message,
          error.hint};
}

HealthFinding hanging_disk(const Daemon& daemon) {
  return {"database", ExitCode::timeout,
          fmt::format("a write has waited for the disk for {} s", kDiskPatience / 1s),
          fmt::format("see whether the disk of {} answers", daemon.paths().home.string())};
}

// The database is written first; the other checks only look.
class Health final : public Operation {
 public:
  Health(Daemon& daemon, Params&, Output& out)
      : Operation(out), daemon_(daemon), patience_(daemon.io(), kDiskPatience) {}

  void start() override {
    daemon_.storage().ask(store::StorageLane::directory, store::TryWriteOp{},
                          [this, alive = std::weak_ptr(alive_)](const Result<void>& written) {
                            if (!alive.expired() && patience_.cancel() > 0)
                              finish(database(written));
                          });
    patience_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired()) finish(hanging_disk(daemon_));
    });
  }

 private:
  void finish(HealthFinding first) {
    std::vector<HealthFinding> findings{std::move(first)};
    for (const auto check : kChecks) findings.push_back(check(daemon_));
    out_.result(health_object(findings));
    out_.done();
  }

  Daemon& daemon_;
  asio::steady_timer patience_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_health_handlers(HandlerTable& table) { table["health"] = factory_of<Health>(); }

}  // namespace cip::node
