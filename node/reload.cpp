#include "node/reload.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace cip::node {

namespace {

struct Setting {
  const char* key;
  Json (*value)(const JoinOptions&);
  bool at_once = false;
};

Json texts_of(const std::vector<std::string>& texts) {
  return texts.empty() ? Json() : Json(texts);
}

Json keys_of(const std::vector<Bytes32>& keys) {
  std::vector<std::string> out;
  for (const auto& key : keys) out.push_back(to_z32(key));
  return texts_of(out);
}

// Whole seconds are what people write.
Json duration_of(const std::optional<Duration>& duration) {
  if (!duration) return {};
  const auto ms = *duration / std::chrono::milliseconds(1);
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

const std::vector<Setting>& all_settings() {
  using Options = JoinOptions;
  static const std::vector<Setting> settings = {
      {"log", [](const Options& o) { return o.log.spec.empty() ? Json() : Json(o.log.spec); },
       true},
      {"log-format", [](const Options& o) { return Json(o.log.json ? "json" : "text"); }},
      {"bootstrap", [](const Options& o) { return texts_of(o.contacts); }, true},
      {"network", [](const Options& o) { return Json(o.network); }},
      {"listen", [](const Options& o) { return o.listen ? Json(to_string(*o.listen)) : Json(); }},
      {"public", [](const Options& o) { return Json(o.reachable); }},
      {"ephemeral", [](const Options& o) { return Json(o.ephemeral); }},
      {"no-lan", [](const Options& o) { return Json(!o.lan); }},
      {"announce-public", [](const Options& o) { return Json(o.announce_public); }},
      {"contact-card", [](const Options& o) { return Json(o.contact_card); }},
      {"transport", [](const Options& o) { return Json(std::string(name_of(o.transport))); }},
      {"seed", [](const Options& o) { return keys_of(o.seed); }, true},
      {"allow", [](const Options& o) { return keys_of(o.allow); }},
      {"deny", [](const Options& o) { return keys_of(o.deny); }},
      {"idle-exit", [](const Options& o) { return duration_of(o.idle_exit); }, true},
      {"quota", [](const Options& o) { return o.quota ? Json(*o.quota) : Json(); }, true},
  };
  return settings;
}

}  // namespace

SettingChanges compare_settings(const JoinOptions& running, const JoinOptions& wanted) {
  SettingChanges out;
  for (const auto& setting : all_settings()) {
    auto from = setting.value(running);
    auto to = setting.value(wanted);
    if (from == to) continue;
    auto& list = setting.at_once ? out.at_once : out.at_next_start;
    list.push_back({setting.key, std::move(from), std::move(to)});
  }
  return out;
}

JoinOptions with_reloaded(JoinOptions running, const JoinOptions& wanted) {
  running.log.spec = wanted.log.spec;
  running.contacts = wanted.contacts;
  running.seed = wanted.seed;
  running.idle_exit = wanted.idle_exit;
  running.quota = wanted.quota;
  return running;
}

}  // namespace cip::node
