#include "node/handlers/status.hpp"

#include <unistd.h>

#include <array>
#include <bit>

#include "base/text.hpp"
#include "dht/record_cache.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/participant.hpp"
#include "node/version.hpp"

namespace cip::node {

namespace {

struct Sizes {
  std::uint64_t own = 0, kept = 0, cache = 0;
  std::size_t feeds = 0;
  std::size_t topics = 0;
};

// Bytes of the blocks that are here, as far as length and bitfield tell: blocks of a feed that is
// not here whole count with their average size.
std::uint64_t held_bytes(const store::FeedState& state) {
  if (!state.head || state.head->length == 0) return 0;
  std::uint64_t held = 0;
  for (const auto& page : state.block_pages) {
    for (const auto byte : page.bits) held += static_cast<std::uint64_t>(std::popcount(byte));
  }
  const auto share = static_cast<double>(held) / static_cast<double>(state.head->length);
  return static_cast<std::uint64_t>(share * static_cast<double>(state.head->byte_length));
}

Sizes measure(store::Backend& backend) {
  Sizes sizes;
  if (const auto topics = backend.list_topics()) sizes.topics = topics->size();
  const auto records = backend.list_feeds();
  if (!records) return sizes;
  sizes.feeds = records->size();
  for (const auto& record : *records) {
    const auto state = backend.load_feed(record.number);
    if (!state) continue;
    auto& part = record.disk_class == store::DiskClass::own    ? sizes.own
                 : record.disk_class == store::DiskClass::kept ? sizes.kept
                                                               : sizes.cache;
    part += held_bytes(*state);
  }
  return sizes;
}

Json dht_part(Participant& participant) {
  const auto& stats = participant.dht().stats();
  const auto udp = participant.udp_counters();
  return {{"contacts", participant.dht().table().size()},
          {"requests", stats.requests_sent},
          {"answers", stats.replies_received},
          {"bytesIn", udp.bytes_in},
          {"bytesOut", udp.bytes_out}};
}

// Where the node believes to be, and why.
Json nat_part(const dht::NatView& view) {
  constexpr std::array kNames{"loopback", "private", "public"};
  Json places = Json::array();
  for (const auto& place : view.places) {
    if (!place.address) continue;
    places.push_back({{"realm", kNames[static_cast<std::size_t>(place.realm)]},
                      {"address", to_string(*place.address)},
                      {"reachable", place.reachable}});
  }
  return {{"places", std::move(places)},
          {"seenAs", view.believed ? Json(to_string(*view.believed)) : Json(nullptr)},
          {"votes", view.samples},
          {"proofs", view.proofs}};
}

Json stored_part(const dht::RecordCache::Counts& counts) {
  return {{"records", counts.records},
          {"forwards", counts.forwards},
          {"mutables", counts.mutables},
          {"immutables", counts.immutables},
          {"refused", counts.refused}};
}

// Everything that was not processed, by reason: datagrams, own datagrams the system refused, and
// connections that ended because of what came over them.
Json drops_part(Participant& participant) {
  Json drops = Json::object();
  const auto add = [&](std::string name, std::uint64_t count) {
    if (count > 0) drops[std::move(name)] = count;
  };
  const auto& counted = participant.dht().drops();
  for (std::size_t i = 0; i < counted.size(); ++i) {
    add(std::string(dht::name_of(static_cast<dht::DropReason>(i))), counted[i]);
  }
  const auto udp = participant.udp_counters();
  add("oversized", udp.oversized);
  add("unsendable", udp.unsendable);
  add("tcp_refused", participant.tcp().counters().refused);
  for (const auto& [reason, count] : participant.hub().counters().closed) {
    add("stream_" + reason, count);
  }
  return drops;
}

Json status_of(Daemon& daemon, const Sizes& sizes) {
  auto& participant = daemon.participant();
  const auto& dht = participant.dht();
  Json status{{"version", kProgramVersion},
              {"pid", ::getpid()},
              {"uptimeMs", to_ms(now().mono - daemon.started())},
              {"key", to_z32(daemon.identity().public_key)},
              {"node", to_hex(dht.id().bytes)},
              {"udp", to_string(participant.local())},
              {"tcp", to_string(participant.local())},
              {"network", daemon.options().network},
              {"persistent", dht.is_persistent()},
              {"reachable", !dht.is_firewalled()}};
  status["dht"] = dht_part(participant);
  status["nat"] = nat_part(dht.nat_view());
  status["stored"] = stored_part(dht.records().counts());
  status["peers"] = participant.hub().streams().size();
  status["feeds"] = sizes.feeds;
  status["topics"] = sizes.topics;
  status["disk"] = {
      {"own", sizes.own}, {"kept", sizes.kept}, {"cache", sizes.cache}, {"quota", daemon.quota()}};
  status["drops"] = drops_part(participant);
  return status;
}

}  // namespace

void gather_status(Daemon& daemon, std::function<void(const Json&)> done) {
  auto sizes = std::make_shared<Sizes>();
  daemon.pool().submit(
      kStatusJobs, [sizes](store::Backend& backend) { *sizes = measure(backend); },
      [&daemon, sizes, done = std::move(done)] { done(status_of(daemon, *sizes)); });
}

}  // namespace cip::node
