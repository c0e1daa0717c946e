#include "tests/unit/overlay/hub_fixture.hpp"

#include <doctest/doctest.h>

namespace cip::test {

using namespace overlay;

HubHost& HubWorld::make_host(HubOptions options, std::optional<std::size_t> dht_host) {
  const auto index = hosts_.size();
  auto host = std::make_unique<HubHost>(100 + index);
  host->tcp = {0x7f000001, static_cast<std::uint16_t>(40000 + index)};
  host->key = key_pair(static_cast<std::uint8_t>(50 + index));
  host->dht_host = dht_host;
  options.identity = host->key;
  dht::Node* node = nullptr;
  if (dht_host) {
    node = &net.node(*dht_host);
    host->announcer = std::make_unique<dht::Announcer>(*node, host->random);
  }
  host->hub = std::make_unique<Hub>(std::move(options), host->random, node, host->announcer.get());
  if (auto* greeter = host->hub->greeter()) {
    Offer offer;
    offer.endpoints = {host->tcp};
    greeter->set_offer(offer);
  }
  hosts_.push_back(std::move(host));
  return *hosts_.back();
}

HubHost& HubWorld::add(HubOptions options) { return make_host(std::move(options), std::nullopt); }

HubHost& HubWorld::add_with_dht(HubOptions hub_options) {
  const Endpoint server{0x7f000001, static_cast<std::uint16_t>(20000 + net.size())};
  dht::NodeOptions options;
  options.bootstrap = {net.host(0).server};
  options.mode = dht::NodeOptions::Mode::ephemeral;
  auto& host = make_host(std::move(hub_options), net.add(server, options));
  run(std::chrono::seconds(2));
  return host;
}

void HubWorld::leave_tcp(HubHost& host) {
  auto offer = host.hub->greeter()->offer();
  offer.tcp = false;
  host.hub->greeter()->set_offer(std::move(offer));
}

void HubWorld::serve(HubHost& host) {
  host.hub->greeter()->listen();
  host.announcer->announce_key(now(), host.key);
  run(std::chrono::seconds(2));
}

store::FeedNumber HubWorld::add_feed(HubHost& host, const KeyPair& key, bool writer,
                                     FeedSharing sharing) {
  const auto manifest = store::single_signer_manifest(key.public_key);
  store::FeedRecord record;
  record.key = store::manifest_key(manifest);
  store::Backend& backend = host.backend;
  const auto created =
      backend.create_feed(record, writer ? std::optional(manifest) : std::nullopt).value();
  auto feed = store::Feed::open(backend.load_feed(created.number).value()).value();
  host.hub->replication().add_feed(std::move(feed), sharing);
  return created.number;
}

void HubWorld::append(HubHost& host, store::FeedNumber feed, const KeyPair& key, std::size_t count,
                      std::size_t size) {
  std::vector<Bytes> blocks;
  auto& target = *host.hub->replication().feed(feed);
  for (std::size_t i = 0; i < count; ++i) {
    Bytes block(size);
    for (std::size_t j = 0; j < size; ++j) {
      block[j] = static_cast<std::uint8_t>((target.length() + i) * 31 + j * 7);
    }
    blocks.push_back(std::move(block));
  }
  REQUIRE(target.append(std::move(blocks), key));
  host.hub->settle(now());
  pump(host);
}

void HubWorld::pump(HubHost& host) {
  auto& hub = *host.hub;
  for (bool any = true; any;) {
    any = false;
    while (auto action = hub.poll_link()) {
      any = true;
      act(host, *action);
    }
    while (auto datagram = hub.udx().poll_datagram(now())) {
      any = true;
      datagrams_.push_back({net.host(*host.dht_host).server, std::move(*datagram)});
    }
    while (auto op = hub.poll_store_op()) {
      any = true;
      store::StoreResult result;
      if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
        result = host.backend.read(*read);
      } else {
        REQUIRE(host.backend.commit(*std::get<store::CommitPtr>(op->op)));
      }
      hub.handle_store_done(now(), op->feed(), op->id, std::move(result));
    }
    while (auto event = hub.poll_event()) host.events.push_back(std::move(*event));
    if (!host.dht_host) continue;
    net.act(*host.dht_host, [](dht::Node&) {});
    const auto& events = net.host(*host.dht_host).events;
    for (; host.dht_events_seen < events.size(); ++host.dht_events_seen) {
      any = true;
      const auto event = events[host.dht_events_seen];
      hub.handle_dht_event(now(), event);
      host.announcer->handle_event(now(), event);
    }
  }
}

void HubWorld::act(HubHost& host, const LinkAction& action) {
  if (const auto* to = std::get_if<LinkOpen>(&action)) return open(host, *to);
  if (const auto* write = std::get_if<LinkWrite>(&action)) {
    const End from{&host, write->conn};
    bytes_moved += write->bytes.size();
    const auto link = links_.find(from);
    if (link == links_.end()) return;
    pieces_.push_back({link->second, write->bytes});
    if (write->bytes.size() > driver_room) {
      host.hub->handle_full(write->conn);
      full_.insert(from);
    }
  } else if (const auto* close = std::get_if<LinkClose>(&action)) {
    const End from{&host, close->conn};
    const auto link = links_.find(from);
    if (link == links_.end()) {
      strangers_closed_.push_back(from);
      return;
    }
    const auto to = link->second;
    links_.erase(from);
    links_.erase(to);
    pieces_.push_back({to, {}});  // the end, behind what was written
  }
}

void HubWorld::open(HubHost& host, const LinkOpen& open) {
  for (auto& other : hosts_) {
    const auto at = open.to.kind == kPipe ? other->pipe : other->tcp;
    if (at != open.to.address || !other->accepts) continue;
    if (other->silent) return;
    const Candidate from{open.to.kind, {host.tcp.ip, 55555}};
    const auto accepted = other->hub->handle_accepted(now(), from);
    if (accepted == 0) break;
    links_[{&host, open.conn}] = {other.get(), accepted};
    links_[{other.get(), accepted}] = {&host, open.conn};
    host.hub->handle_connected(now(), open.conn);
    return;
  }
  host.hub->handle_closed(now(), open.conn, std::make_error_code(std::errc::connection_refused));
}

bool HubWorld::deliver_one() {
  if (pieces_.empty()) return false;
  auto piece = std::move(pieces_.front());
  pieces_.pop_front();
  auto& hub = *piece.to.host->hub;
  if (piece.bytes.empty()) hub.handle_closed(now(), piece.to.conn, {});
  for (std::size_t at = 0; at < piece.bytes.size();) {
    const auto left = piece.bytes.size() - at;
    const auto size = random_.below(4) == 0 ? 1 + random_.below(left) : left;
    hub.handle_bytes(now(), piece.to.conn, MutableByteView(piece.bytes).subspan(at, size));
    at += size;
  }
  pump(*piece.to.host);
  return true;
}

// Those that were sent before this millisecond.
void HubWorld::deliver_datagrams() {
  for (auto& [from, what] : std::exchange(datagrams_, {})) {
    const auto to = std::ranges::find_if(hosts_, [&](const auto& host) {
      return host->dht_host && net.host(*host->dht_host).server == what.to;
    });
    if (to == hosts_.end()) continue;
    for (MutableByteView rest(what.bytes); !rest.empty();) {
      const auto one = rest.first(std::min(rest.size(), what.segment));
      rest = rest.subspan(one.size());
      if (random_.below(100) < datagrams_lost) continue;
      (*to)->hub->udx().handle_datagram(now(), 0, from, one);
    }
    (*to)->hub->settle(now());
    pump(**to);
  }
}

void HubWorld::run_timers() {
  for (auto& host : hosts_) {
    if (const auto due = host->hub->next_timeout(); due && *due <= now().mono) {
      host->hub->handle_timeout(now());
    }
    if (host->announcer) {
      const auto due = host->announcer->next_timeout();
      if (due && *due <= now().mono) host->announcer->handle_timeout(now());
    }
    for (const auto& end : std::exchange(full_, {})) end.host->hub->handle_drained(now(), end.conn);
    pump(*host);
  }
}

void HubWorld::run(Duration time) {
  const auto step = std::chrono::milliseconds(1);
  for (auto left = time; left > Duration::zero(); left -= step) {
    net.run(step);
    for (auto& host : hosts_) pump(*host);
    deliver_datagrams();
    for (std::size_t n = 0; n < pieces_per_ms && deliver_one(); ++n) {
    }
    run_timers();
  }
}

void HubWorld::cut(HubHost& host, ConnId conn) {
  const End here{&host, conn};
  const auto link = links_.find(here);
  REQUIRE(link != links_.end());
  const auto there = link->second;
  links_.erase(here);
  links_.erase(there);
  std::erase_if(pieces_, [&](const Piece& piece) { return piece.to == here || piece.to == there; });
  const auto reset = std::make_error_code(std::errc::connection_reset);
  here.host->hub->handle_closed(now(), here.conn, reset);
  there.host->hub->handle_closed(now(), there.conn, reset);
  pump(*here.host);
  pump(*there.host);
}

ConnId HubWorld::accept_stranger(HubHost& host) {
  return host.hub->handle_accepted(now(), tcp_candidate({0x7f000001, 60000}));
}

bool HubWorld::is_closed(HubHost& host, ConnId conn) const {
  return std::find(strangers_closed_.begin(), strangers_closed_.end(), End{&host, conn}) !=
         strangers_closed_.end();
}

}  // namespace cip::test
