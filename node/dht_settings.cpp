#include "node/dht_settings.hpp"

#include "node/contacts.hpp"

namespace cip::node {

dht::NodeOptions dht_options(const JoinOptions& join) {
  dht::NodeOptions options;
  for (const auto& contact : join.contacts) {
    if (const auto endpoint = parse_endpoint(contact)) options.bootstrap.push_back(*endpoint);
  }
  options.private_overlay = join.network != kPublicNetwork;
  if (join.reachable) options.mode = dht::NodeOptions::Mode::persistent;
  if (join.ephemeral) options.mode = dht::NodeOptions::Mode::ephemeral;
  if (!options.private_overlay && join.contacts.empty()) options.bootstrap = public_contacts();
  return options;
}

}  // namespace cip::node
