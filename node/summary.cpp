#include "node/summary.hpp"

#include <fmt/format.h>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/daemon.hpp"
#include "node/database_keeper.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/participant.hpp"

namespace cip::node {

std::string summary_of(Daemon& daemon) {
  auto& participant = daemon.participant();
  auto out = fmt::format("{}, {}, {} open", counted(participant.dht().table().size(), "contact"),
                         counted(participant.hub().streams().size(), "peer"),
                         counted(daemon.feeds().open_feeds().size(), "feed"));
  if (const auto failure = daemon.database().failure()) {
    out += fmt::format("; the database is not written: {}", failure.message());
  }
  if (daemon.disk().is_short()) out += "; own and kept feeds have no room";
  if (const auto& twin = participant.duplicates().met()) {
    out += fmt::format("; another node with this identity runs at {}", to_string(twin->at));
  }
  return out;
}

}  // namespace cip::node
