#include "overlay/udx_links.hpp"

#include <utility>
#include <vector>

#include "base/machine.hpp"
#include "overlay/punch/punches.hpp"

namespace cip::overlay {

UdxLinks::UdxLinks(Random& random, LinkOwner& owner, dht::Node* node)
    : streams_(random), owner_(owner) {
  if (node != nullptr) punches_ = std::make_unique<Punches>(*node, streams_, random);
}

UdxLinks::~UdxLinks() = default;

UdxLinks::Link* UdxLinks::find(ConnId conn) {
  const auto found = links_.find(conn);
  return found != links_.end() ? &found->second : nullptr;
}

ConnId UdxLinks::conn_of(UdxId id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() ? found->second : 0;
}

// --- Commands --------------------------------------------------------------------------------

bool UdxLinks::carry_out(Now now, LinkAction& action) {
  if (const auto* opens = std::get_if<LinkOpen>(&action)) {
    if (opens->to.kind != LinkKind::udx) return false;
    open(now, *opens);
    return true;
  }
  const auto conn = std::visit([](const auto& any) { return any.conn; }, action);
  auto* link = find(conn);
  if (link == nullptr) return false;
  if (auto* writes = std::get_if<LinkWrite>(&action)) {
    write(now, *link, conn, std::move(writes->bytes));
  } else if (const auto* closes = std::get_if<LinkClose>(&action)) {
    close(now, conn, closes->broken);
  } else if (const auto* hold = std::get_if<LinkHold>(&action)) {
    streams_.hold(now, link->id, hold->held);
    take_events(now);
  } else if (std::holds_alternative<LinkTrust>(action)) {
    streams_.trust(link->id);
  }
  return true;
}

// Where the first packet of the other side came from already, that is the path (udx.md 14.3). Who
// waits for it, or for a hole, has a link only then.
void UdxLinks::open(Now now, const LinkOpen& open) {
  auto& link = links_[open.conn];
  link.id = open.udx.local_id;
  link.remote_id = open.udx.remote_id;
  by_id_[link.id] = open.conn;
  const auto knock = knocks_.extract(link.id);
  if (!knock.empty()) {
    connect(now, open.conn, link, {knock.mapped().socket, knock.mapped().from, link.remote_id});
  } else if (open.udx.punch && punches_) {
    punches_->begin(now, link.id, *open.udx.punch);
    take_punch_events(now);
  } else if (open.to.address.port != 0 && open.udx.calls) {
    connect(now, open.conn, link, {open.udx.socket, open.to.address, link.remote_id});
  }
}

void UdxLinks::await(Now now, const UdxEnds& ends) {
  const auto knock = knocks_.extract(ends.local_id);
  if (!knock.empty()) return accept(now, knock.mapped(), ends.remote_id);
  // Those of hellos that have their stream over TCP are destroyed without an event.
  std::erase_if(awaited_, [this](const auto& item) { return !streams_.status(item.first); });
  awaited_[ends.local_id] = ends.remote_id;
}

void UdxLinks::accept(Now now, const UdxKnocked& knock, std::uint32_t remote_id) {
  const auto conn = owner_.handle_accepted(now, {LinkKind::udx, knock.from});
  if (conn == 0) return streams_.destroy(now, knock.id);
  auto& link = links_[conn];
  link.id = knock.id;
  link.remote_id = remote_id;
  by_id_[knock.id] = conn;
  link.connected = true;
  streams_.connect(now, knock.id, {knock.socket, knock.from, remote_id});
}

void UdxLinks::connect(Now now, ConnId conn, Link& link, const UdxPath& path) {
  link.connected = true;
  streams_.connect(now, link.id, path);
  owner_.handle_connected(now, conn);
}

void UdxLinks::write(Now now, Link& link, ConnId conn, Bytes bytes) {
  streams_.write(now, link.id, std::move(bytes));
  if (streams_.queued(link.id) > kUdxMaxQueue && !std::exchange(link.full, true)) {
    owner_.handle_full(conn);
  }
}

void UdxLinks::close(Now now, ConnId conn, bool broken) {
  const auto link = links_.extract(conn).mapped();
  by_id_.erase(link.id);
  if (broken || stopping_ || !link.connected) return streams_.destroy(now, link.id);
  streams_.hold(now, link.id, false);  // what still comes is read by nobody, its END is
  streams_.end(now, link.id);
  farewells_[link.id] = now.mono + kUdxFarewell;
}

// --- Inputs ----------------------------------------------------------------------------------

bool UdxLinks::handle_datagram(Now now, UdxSocket socket, Endpoint from, MutableByteView datagram) {
  if (!streams_.handle_datagram(now, socket, from, datagram)) return false;
  take_events(now);
  return true;
}

void UdxLinks::handle_timeout(Now now) {
  std::vector<UdxId> over;
  for (const auto& [id, until] : farewells_) {
    if (until <= now.mono) over.push_back(id);
  }
  for (const auto id : over) {
    farewells_.erase(id);
    streams_.destroy(now, id);
  }
  streams_.handle_timeout(now);
  take_events(now);
  if (!punches_) return;
  punches_->handle_timeout(now);
  take_punch_events(now);
}

void UdxLinks::handle_probe(Now now, UdxSocket socket, Endpoint from) {
  if (!punches_) return;
  punches_->handle_probe(socket, from);
  take_punch_events(now);
}

bool UdxLinks::handle_dht_event(Now now, const dht::Event& event) {
  if (!punches_ || !punches_->handle_event(now, event)) return false;
  take_punch_events(now);
  return true;
}

void UdxLinks::settle(Now now) {
  streams_.settle(now);
  if (punches_) take_punch_events(now);
}

void UdxLinks::take_punch_events(Now now) {
  punches_->settle(now);
  const Overloaded take{
      [&](const Punched& punched) {
        const auto conn = conn_of(punched.stream);
        auto* link = find(conn);
        if (link == nullptr || link->connected) return;
        connect(now, conn, *link, {punched.hole.socket, punched.hole.peer, link->remote_id});
      },
      [&](const PunchFailed& failed) {
        streams_.destroy(now, failed.stream);
        closed(now, failed.stream, failed.error);
      }};
  while (const auto event = punches_->poll_event()) std::visit(take, *event);
}

void UdxLinks::take_events(Now now) {
  const Overloaded take{
      [&](const UdxData& data) {
        if (const auto conn = conn_of(data.id)) owner_.handle_bytes(now, conn, data.bytes);
      },
      [](const UdxMessage&) {},  // stock sends empty ones when it has moved from a relay
      [&](const UdxKnocked& knock) { knocked(now, knock); },
      [&](const UdxEnded& ended) {
        const auto conn = conn_of(ended.id);
        if (conn == 0) return;
        close(now, conn, false);
        owner_.handle_closed(now, conn, {});
      },
      [&](const UdxClosed& gone) { closed(now, gone.id, gone.error); },
      [&](const UdxWritable& writable) {
        const auto conn = conn_of(writable.id);
        if (conn == 0) return;
        find(conn)->full = false;
        owner_.handle_drained(now, conn);
      }};
  while (auto event = streams_.poll_event()) std::visit(take, *event);
}

void UdxLinks::knocked(Now now, const UdxKnocked& knock) {
  if (auto* link = find(conn_of(knock.id))) {
    const UdxPath path{knock.socket, knock.from, link->remote_id};
    if (!link->connected) connect(now, conn_of(knock.id), *link, path);
    return;
  }
  if (const auto end = awaited_.extract(knock.id); !end.empty()) {
    return accept(now, knock, end.mapped());
  }
  // Whose hello came to nothing are destroyed without an event.
  std::erase_if(knocks_, [this](const auto& item) { return !streams_.status(item.first); });
  knocks_.try_emplace(knock.id, knock);
}

void UdxLinks::closed(Now now, UdxId id, std::error_code error) {
  knocks_.erase(id);
  awaited_.erase(id);
  farewells_.erase(id);
  const auto found = by_id_.extract(id);
  if (found.empty()) return;
  links_.erase(found.mapped());
  owner_.handle_closed(now, found.mapped(), error);
}

// --- Outputs ---------------------------------------------------------------------------------

// What leaves makes room for more.
std::optional<UdxDatagram> UdxLinks::poll_datagram(Now now) {
  auto out = streams_.poll_datagram(now);
  if (out) take_events(now);
  return out;
}

std::optional<TimePoint> UdxLinks::next_timeout() const {
  Earliest next;
  next.consider(streams_.next_timeout());
  if (punches_) next.consider(punches_->next_timeout());
  for (const auto& [id, until] : farewells_) next.consider(until);
  return next.get();
}

std::optional<UdxStatus> UdxLinks::status(ConnId conn) const {
  const auto found = links_.find(conn);
  return found != links_.end() ? streams_.status(found->second.id) : std::nullopt;
}

}  // namespace cip::overlay
