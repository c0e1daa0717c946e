#pragma once

// What a node that runs does about settings that were changed: which ones hold at once, which from
// the next start on.

#include <string>
#include <vector>

#include "node/join_options.hpp"
#include "node/service.hpp"

namespace cip::node {

struct SettingChange {
  std::string key;  // as in config.toml
  Json from, to;    // null: nobody says anything, the default holds
};

struct SettingChanges {
  // log, quota, idle-exit, and feeds and contacts that were added.
  std::vector<SettingChange> at_once;
  std::vector<SettingChange> at_next_start;
};

// In the order of the documents. The home is not compared: it is what the node runs for.
SettingChanges compare_settings(const JoinOptions& running, const JoinOptions& wanted);
// `running` with those of `wanted` that hold at once.
JoinOptions with_reloaded(JoinOptions running, const JoinOptions& wanted);

}  // namespace cip::node
