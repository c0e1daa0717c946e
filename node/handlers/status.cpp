#include "node/handlers/status.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "dht/record_cache.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/database_keeper.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/participant.hpp"
#include "node/topic_library.hpp"
#include "node/version.hpp"
#include "overlay/greeter.hpp"
#include "overlay/punch/punches.hpp"
#include "store/storage_requests.hpp"

namespace cip::node {

namespace {

struct Counts {
  std::size_t feeds = 0;
  std::size_t topics = 0;
};

Json dht_part(Participant& participant) {
  const auto& stats = participant.dht().stats();
  const auto udp = participant.udp_counters();
  return {{"contacts", participant.dht().table().size()},
          {"requests", stats.requests_sent},
          {"answers", stats.replies_received},
          {"bytesIn", udp.bytes_in},
          {"bytesOut", udp.bytes_out}};
}

Json udx_part(Participant& participant) {
  const auto streams = participant.hub().streams();
  const auto open = std::ranges::count_if(streams, [](const overlay::StreamStatus& status) {
    return status.stream.remote.kind == overlay::LinkKind::udx;
  });
  const auto counted = participant.hub().udx().streams().counters();
  const auto& punches = participant.hub().udx().punches()->stats();
  return {{"streams", open},
          {"packetsIn", counted.packets_in},
          {"packetsOut", counted.packets_out},
          {"retransmits", counted.retransmits},
          {"punches", punches.begun},
          {"punchesFailed", punches.failed},
          {"holes", punches.holes}};
}

// Another node with this identity, if one was met.
Json duplicate_part(Participant& participant) {
  const auto& met = participant.duplicates().met();
  if (!met) return nullptr;
  return {{"address", to_string(met->at)},
          {"since", met->since.value},
          {"seenMs", to_ms(now().mono - met->last)}};
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

Json status_of(Daemon& daemon, const Counts& counts) {
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
  status["duplicate"] = duplicate_part(participant);
  status["dht"] = dht_part(participant);
  status["udx"] = udx_part(participant);
  status["nat"] = nat_part(dht.nat_view());
  status["stored"] = stored_part(dht.records().counts());
  status["peers"] = participant.hub().streams().size();
  status["feeds"] = counts.feeds;
  status["topics"] = counts.topics;
  const auto use = daemon.disk().use();
  status["disk"] = {{"own", use.own},
                    {"kept", use.kept},
                    {"cache", use.cache},
                    {"topics", use.topics},
                    {"quota", daemon.disk().quota()}};
  const auto failure = daemon.database().failure();
  status["database"] = failure ? "reopening" : "ok";
  if (failure) status["databaseProblem"] = failure.message();
  status["drops"] = drops_object(daemon);
  return status;
}

}  // namespace

Json drops_object(Daemon& daemon) {
  auto& participant = daemon.participant();
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
  if (const auto* greeter = participant.hub().greeter()) {
    const auto hellos = greeter->stats();
    add("hello_unreadable", hellos.ignored);
    add("hello_denied", hellos.denied);
    add("hello_throttled", hellos.throttled);
    add("hello_replayed", hellos.replayed);
    add("hello_evicted", hellos.pending_evicted);
    add("dial_back_refused", hellos.dials_refused);
  }
  const auto udx = participant.hub().udx().streams().counters();
  add("udx_malformed", udx.dropped_malformed);
  add("udx_source", udx.dropped_source);
  add("udx_ahead", udx.dropped_ahead);
  add("udx_window", udx.dropped_window);
  add("udx_total", udx.dropped_total);
  add("udx_acks", udx.ignored_acks);
  add("udx_sacks", udx.ignored_sacks);
  add("udx_destroys", udx.ignored_destroys);
  add("udx_messages", udx.dropped_messages);
  const auto& punches = participant.hub().udx().punches()->stats();
  add("punch_limit", punches.refused);
  add("punch_ignored", punches.ignored);
  for (const auto& [reason, count] : participant.hub().counters().closed) {
    add("stream_" + reason, count);
  }
  add("topic_push_full", daemon.topics().machine().refused_pushes());
  add("topic_feed_given_up", daemon.topics().given_up());
  return drops;
}

void gather_status(Daemon& daemon, std::function<void(const Json&)> done) {
  using Topics = store::ListTopicsOp::Answer;
  using Feeds = store::ListFeedsOp::Answer;
  const auto lane = store::StorageLane::status;
  daemon.storage().ask(
      lane, store::ListTopicsOp{}, [&daemon, done = std::move(done)](const Topics& topics) {
        const auto count = topics ? topics->size() : 0;
        daemon.storage().ask(lane, store::ListFeedsOp{},
                             [&daemon, count, done](const Feeds& feeds) {
                               done(status_of(daemon, {feeds ? feeds->size() : 0, count}));
                             });
      });
}

}  // namespace cip::node
