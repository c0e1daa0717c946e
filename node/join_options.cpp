#include "node/join_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace cip::node {

namespace {

constexpr std::array<std::string_view, 3> kTransports{"auto", "tcp", "udx"};

std::string milliseconds(Duration duration) {
  return fmt::format("{}ms", duration / std::chrono::milliseconds(1));
}

void add_keys(std::vector<std::string>& out, const char* flag, const std::vector<Bytes32>& keys) {
  for (const auto& key : keys) {
    out.push_back(flag);
    out.push_back(to_z32(key));
  }
}

void add_if(std::vector<std::string>& out, bool wanted, const char* flag) {
  if (wanted) out.push_back(flag);
}

}  // namespace

std::string_view name_of(Transport transport) {
  return kTransports[static_cast<std::size_t>(transport)];
}

std::optional<Transport> transport_named(std::string_view name) {
  const auto found = std::ranges::find(kTransports, name);
  if (found == kTransports.end()) return std::nullopt;
  return static_cast<Transport>(found - kTransports.begin());
}

std::vector<std::string> join_arguments(const JoinOptions& options) {
  std::vector<std::string> out{"--home", options.home.string(), "--network", options.network};
  if (!options.log.spec.empty()) out.insert(out.end(), {"--log", options.log.spec});
  if (options.log.json) out.insert(out.end(), {"--log-format", "json"});
  out.push_back("join");
  out.insert(out.end(), options.contacts.begin(), options.contacts.end());
  if (options.listen) out.insert(out.end(), {"--listen", to_string(*options.listen)});
  add_if(out, options.reachable, "--public");
  add_if(out, options.ephemeral, "--ephemeral");
  add_if(out, !options.lan, "--no-lan");
  add_if(out, options.announce_public, "--announce-public");
  add_if(out, options.contact_card, "--contact-card");
  if (options.transport != Transport::automatic) {
    out.insert(out.end(), {"--transport", std::string(name_of(options.transport))});
  }
  add_keys(out, "--seed", options.seed);
  add_keys(out, "--allow", options.allow);
  add_keys(out, "--deny", options.deny);
  if (options.ready_timeout != JoinOptions{}.ready_timeout) {
    out.insert(out.begin(), {"--timeout", milliseconds(options.ready_timeout)});
  }
  if (options.idle_exit) out.insert(out.end(), {"--idle-exit", milliseconds(*options.idle_exit)});
  if (options.quota) out.insert(out.end(), {"--quota", std::to_string(*options.quota)});
  if (!options.for_command.empty()) {
    out.insert(out.end(), {"--for-command", options.for_command});
  }
  for (const auto& key : options.from_settings) {
    if (std::ranges::find(out, "--" + key) == out.end()) continue;
    out.insert(out.end(), {"--from-settings", key});
  }
  if (options.ready_fd >= 0) {
    out.insert(out.end(), {"--ready-fd", std::to_string(options.ready_fd)});
  }
  return out;
}

}  // namespace cip::node
