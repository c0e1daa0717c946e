#include "overlay/greeter.hpp"

#include <algorithm>
#include <utility>

#include "dht/errors.hpp"
#include "dht/node.hpp"
#include "dht/payloads.hpp"
#include "overlay/punch/punches.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::overlay {

// A hello of this node to a peer.
struct Greeter::Greeting {
  Greeting(HelloId number, const PublicKey& key, GreetOptions what, HelloClient hello)
      : id(number), peer(key), options(std::move(what)), client(std::move(hello)) {}

  HelloId id;
  PublicKey peer;
  GreetOptions options;
  HelloClient client;

  std::optional<dht::QueryId> walk;  // while it runs
  std::optional<dht::QueryDone> walked;
  std::vector<Endpoint> relays;  // found by the walk
  std::vector<Endpoint> tried;   // or about to be
  std::deque<Endpoint> next;     // about to be
  std::size_t in_flight = 0;
  bool silence = false;  // a relay that knows the way got no answer
  bool ended = false;    // its outcome was reported; only the walk is awaited
  UdxId udx = 0;         // a stream that was made for it, and is not handed on yet

  std::size_t at_once() const { return kHellosAtOnce + (options.relays.empty() ? 0 : 1); }

  void add(Endpoint relay) {
    if (tried.size() >= kMaxRelaysTried || relay.port == 0) return;
    if (std::find(tried.begin(), tried.end(), relay) != tried.end()) return;
    tried.push_back(relay);
    next.push_back(relay);
  }

  std::error_code outcome() const {
    if (walked && walked->error == dht::Errc::cancelled) return make_error_code(Errc::cancelled);
    if (silence || (!walked && !tried.empty())) return make_error_code(Errc::no_hello_answer);
    if (walked && walked->answers == 0 && tried.empty()) {
      return make_error_code(Errc::no_node_answered);
    }
    return make_error_code(Errc::nobody_announces);
  }
};

namespace {

// Behind the first endpoints over TCP, which is what cipnodes use where it leads anywhere.
constexpr std::size_t kTcpFirst = 2;

// Where the peer is in the network that both are in (dht.md 13, 4).
std::optional<Endpoint> lan_address(const HelloPayload& payload, const HelloDone& done,
                                    const Offer& own) {
  if (done.own_address.ip != done.server.ip) return std::nullopt;
  auto view = own.view_of(done.server);
  view.public_ip = done.own_address.ip;
  // Bridges of virtual machines and containers have one address on every host: there we are asked.
  const auto is_elsewhere = [&](Endpoint endpoint) {
    return endpoint.realm() == Realm::loopback ||
           (endpoint.realm() == Realm::private_network &&
            std::ranges::find(own.interfaces, endpoint.ip) == own.interfaces.end());
  };
  const auto near = endpoints_to_dial(payload.addresses4, view);
  const auto found = std::ranges::find_if(near, is_elsewhere);
  return found != near.end() ? std::optional(*found) : std::nullopt;
}

// Where and how to open the stream over UDX that a peer offers (udx.md 14.3).
void take_udx(const HelloClient::Answer& answer, UdxId own, const Offer& offer,
              dht::SocketRole socket, HelloDone& done) {
  const auto& payload = answer.payload;
  const bool own_is_open = offer.public_udp.has_value();
  const bool is_open = payload.says_open();
  auto address = done.server;
  if (!done.direct && is_open) {
    const auto found = std::ranges::find_if(
        payload.addresses4, [](auto each) { return each.realm() == Realm::public_network; });
    if (found != payload.addresses4.end()) address = *found;
  }
  done.udx = {.local_id = own,
              .remote_id = static_cast<std::uint32_t>(payload.udx->id),
              .socket = static_cast<UdxSocket>(socket),
              // Who is open is called; of cipnodes always the responder.
              .calls = !done.keys.of_stock || done.direct || is_open || !own_is_open};
  if (!done.direct && !is_open && !own_is_open && payload.holepunch &&
      !payload.holepunch->relays.empty()) {
    done.udx.punch = PunchOffer{.target = hash(done.peer),
                                .id = payload.holepunch->id,
                                .relays = payload.holepunch->relays,
                                .key = answer.punch_key,
                                .server = done.server,
                                .via = done.via,
                                .lan = lan_address(payload, done, offer)};
  }
  const auto place = std::min(done.candidates.size(), kTcpFirst);
  done.candidates.insert(done.candidates.begin() + static_cast<std::ptrdiff_t>(place),
                         {LinkKind::udx, address});
}

}  // namespace

Greeter::Greeter(dht::Node& node, const KeyPair& identity, Random& random)
    : node_(node),
      random_(random),
      identity_(identity),
      target_(hash(identity.public_key)),
      server_(identity) {}

Greeter::~Greeter() = default;

void Greeter::listen() { node_.listen(identity_.public_key); }
void Greeter::unlisten() { node_.unlisten(identity_.public_key); }

void Greeter::set_offer(Offer offer) {
  offer_ = std::move(offer);
  offer_.udx = udx_ != nullptr;
}

void Greeter::offer_streams(UdxStreams* udx, Punches* punches) {
  udx_ = udx;
  punches_ = punches;
  offer_.udx = udx != nullptr;
}

void Greeter::forget(Now now, HelloId id) {
  const auto gone = pending_.forget(id);
  if (!gone || gone->udx == 0) return;
  const auto stream = udx_->status(gone->udx);
  if (stream && !stream->connected) udx_->destroy(now, gone->udx);
}

bool Greeter::handle_event(Now now, const dht::Event& event) {
  pending_.expire(now);
  if (const auto* reply = std::get_if<dht::QueryReply>(&event)) {
    return handle_query_reply(now, *reply);
  }
  if (const auto* done = std::get_if<dht::QueryDone>(&event)) return handle_walk_done(now, *done);
  if (const auto* hello = std::get_if<dht::HelloReceived>(&event)) return handle_hello(now, *hello);
  if (const auto* reply = std::get_if<dht::HelloReply>(&event)) return handle_reply(now, *reply);
  if (const auto* failure = std::get_if<dht::HelloFailed>(&event)) {
    return handle_failure(now, *failure);
  }
  return false;
}

std::optional<GreeterEvent> Greeter::poll_event() { return events_.pop(); }

GreeterStats Greeter::stats() const {
  auto out = stats_;
  out.ignored = server_.stats().ignored;
  out.denied = server_.stats().denied;
  out.throttled = server_.stats().throttled;
  out.replayed = server_.stats().replayed;
  out.pending_evicted = pending_.evicted();
  return out;
}

// --- client

HelloId Greeter::greet(Now now, const PublicKey& peer, GreetOptions options) {
  const HelloId id = ++last_id_;
  const auto refuse = [&](std::error_code error) {
    ++stats_.failed;
    events_.push(
        HelloFailed{.id = id, .peer = peer, .error = error, .peer_error = 0, .relays = {}});
    return id;
  };
  if (greetings_.size() >= kMaxGreetings) return refuse(make_error_code(Errc::too_many_hellos));
  const auto udx = udx_ != nullptr && options.with_stream
                       ? udx_->create(now, 0, kUdxCallTimeout).value_or(0)
                       : 0;
  auto client = HelloClient::make({.identity = identity_,
                                   .peer = peer,
                                   .dial_back = options.dial_back,
                                   .peer_seen = options.peer_seen,
                                   .udx = udx},
                                  offer_, random_);
  if (!client) {
    if (udx != 0) udx_->destroy(now, udx);
    return refuse(client.error());
  }

  auto owned = std::make_unique<Greeting>(id, peer, std::move(options), std::move(*client));
  auto& greeting = *owned;
  greeting.udx = udx;
  greetings_.emplace(id, std::move(owned));
  for (const auto relay : greeting.options.relays) greeting.add(relay);
  if (greeting.options.walk) {
    greeting.walk = node_.find_peer(
        now, hash(peer), {.start = greeting.options.relays, .background = false, .replicas = 0});
    walks_.emplace(*greeting.walk, id);
  }
  proceed(now, greeting);
  return id;
}

void Greeter::cancel(Now now, HelloId id) {
  forget(now, id);
  const auto entry = greetings_.find(id);
  if (entry == greetings_.end() || entry->second->ended) return;
  fail_greeting(now, *entry->second, make_error_code(Errc::cancelled));
}

// A node that knows the way to the peer, or the peer itself as it is seen here.
bool Greeter::handle_query_reply(Now now, const dht::QueryReply& reply) {
  const auto walk = walks_.find(reply.query);
  if (walk == walks_.end()) return false;
  auto& greeting = *greetings_.at(walk->second);
  const auto record = dht::decode_peer(reply.value);
  if (!record || record->public_key != greeting.peer) return true;
  greeting.relays.push_back(reply.from);
  greeting.add(reply.from);
  for (const auto relay : record->relay_addresses) greeting.add(relay);
  if (!greeting.ended) proceed(now, greeting);
  return true;
}

bool Greeter::handle_walk_done(Now now, const dht::QueryDone& done) {
  const auto walk = walks_.find(done.query);
  if (walk == walks_.end()) return false;
  auto& greeting = *greetings_.at(walk->second);
  walks_.erase(walk);
  greeting.walk.reset();
  greeting.walked = done;
  events_.push(WalkDone{greeting.id, done});
  if (greeting.ended) {
    greetings_.erase(greeting.id);
  } else {
    proceed(now, greeting);
  }
  return true;
}

// Sends message 1 to more nodes, or finds that there are none left.
void Greeter::proceed(Now now, Greeting& greeting) {
  while (!greeting.next.empty() && greeting.in_flight < greeting.at_once()) {
    const auto relay = greeting.next.front();
    greeting.next.pop_front();
    const auto request =
        node_.send_hello(now, relay, hash(greeting.peer), greeting.client.message1());
    requests_.emplace(request, greeting.id);
    ++greeting.in_flight;
    ++stats_.sent;
  }
  if (greeting.in_flight == 0 && !greeting.walk) {
    fail_greeting(now, greeting, greeting.outcome());
  }
}

// The greeting that a request belongs to, if it still waits for one.
Greeter::Greeting* Greeter::take_request(dht::RequestId request) {
  const auto entry = requests_.find(request);
  const auto id = entry->second;
  requests_.erase(entry);
  const auto greeting = greetings_.find(id);
  if (greeting == greetings_.end() || greeting->second->ended) return nullptr;
  --greeting->second->in_flight;
  return greeting->second.get();
}

bool Greeter::handle_reply(Now now, const dht::HelloReply& reply) {
  if (!requests_.contains(reply.request)) return false;
  auto* greeting = take_request(reply.request);
  if (greeting == nullptr) return true;
  if (const auto answer = greeting->client.read(reply.noise)) {
    finish(now, *greeting, reply, *answer);
  } else {
    proceed(now, *greeting);
  }
  return true;
}

bool Greeter::handle_failure(Now now, const dht::HelloFailed& failure) {
  if (!requests_.contains(failure.request)) return false;
  auto* greeting = take_request(failure.request);
  if (greeting == nullptr) return true;
  if (failure.error != dht::Errc::not_a_relay) greeting->silence = true;
  proceed(now, *greeting);
  return true;
}

// The peer has answered. A trailer counts whatever the error field says.
void Greeter::finish(Now now, Greeting& greeting, const dht::HelloReply& reply,
                     const HelloClient::Answer& answer) {
  const auto& payload = answer.payload;
  const bool bound = offer_.opens_bound_tcp(payload) || offer_.opens_bound_udx(payload);
  const bool understood = payload.error <= static_cast<std::uint64_t>(dht::HelloError::aborted);
  if (!bound && !understood) {
    return fail_greeting(now, greeting, make_error_code(Errc::hello_refused), payload.error);
  }
  HelloDone done;
  done.id = greeting.id;
  done.peer = greeting.peer;
  done.via = reply.from;
  done.direct = !reply.server;
  done.server = seen_from(reply.from, reply.server.value_or(reply.from));
  done.own_address = reply.own_address;
  done.firewall = payload.firewall;
  done.peer_relays = payload.relay_addresses.value_or(std::vector<Endpoint>{});
  done.relays = greeting.relays;
  done.rtt = reply.rtt;
  if (payload.tcp) done.kind = PeerKind::cipnode;
  done.keys = answer.keys;
  if (offer_.opens_bound_tcp(payload)) offer_tcp(now, greeting, answer, done);
  const bool offers_udx = bound ? offer_.opens_bound_udx(payload) : payload.offers_udx();
  if (greeting.udx != 0 && offers_udx) {
    if (!bound) done.keys = answer.stock_keys;
    take_udx(answer, std::exchange(greeting.udx, 0), offer_, reply.socket, done);
  }
  ++stats_.done;
  events_.push(std::move(done));
  end(now, greeting);
}

// What a cipnode offers: bound streams over TCP.
void Greeter::offer_tcp(Now now, Greeting& greeting, const HelloClient::Answer& answer,
                        HelloDone& done) {
  const auto& tcp = *answer.payload.tcp;
  done.capabilities = tcp.capabilities;
  done.offered = tcp.endpoints;
  done.offered6 = tcp.endpoints6;
  done.candidates = tcp_candidates(endpoints_to_dial(done.offered, offer_.view_of(done.server)));
  done.dial_back_asked = greeting.options.dial_back && tcp.has(kCapabilityReverseDial);
  if (done.dial_back_asked) pending_.add(now, {greeting.id, answer.keys});
}

void Greeter::fail_greeting(Now now, Greeting& greeting, std::error_code error,
                            std::uint64_t peer_error) {
  ++stats_.failed;
  events_.push(HelloFailed{.id = greeting.id,
                           .peer = greeting.peer,
                           .error = error,
                           .peer_error = peer_error,
                           .relays = greeting.relays});
  end(now, greeting);
}

// The outcome is reported. A walk that still runs ends later, with a QueryDone of its own.
void Greeter::end(Now now, Greeting& greeting) {
  greeting.ended = true;
  if (greeting.udx != 0) udx_->destroy(now, std::exchange(greeting.udx, 0));
  if (!greeting.walk) {
    greetings_.erase(greeting.id);
  } else if (!greeting.options.finish_walk) {
    node_.cancel(now, *greeting.walk);
  }
}

// --- server

bool Greeter::handle_hello(Now now, const dht::HelloReceived& hello) {
  if (hello.ticket.target != target_) return false;
  ++stats_.received;
  // Of two relays the first saw the client; it names itself when it passes the hello on.
  const auto reporter = hello.ticket.relay_address.value_or(hello.ticket.from);
  const auto seen = seen_from(reporter, hello.client);
  auto answer =
      server_.handle(now, {hello.noise, seen, hello.relayed}, offer_, random_, udx_, punches_);
  if (!answer) return true;
  if (answer->repeated) ++stats_.repeated;
  ++stats_.answered;
  auto ticket = hello.ticket;
  if (answer->punch != 0) {
    const auto socket = punches_->socket_of(answer->punch);
    if (socket) ticket.socket = static_cast<dht::SocketRole>(*socket);
  }
  node_.answer_hello(now, ticket, std::move(answer->message2));
  if (!answer->keys) return true;
  const HelloId id = ++last_id_;
  events_.push(HelloAnswered{id, answer->peer, seen});
  if (answer->udx) {
    auto ends = *answer->udx;
    ends.socket = static_cast<UdxSocket>(hello.ticket.socket);
    events_.push(StreamExpected{id, *answer->keys, {LinkKind::udx, seen}, ends});
  }
  if (answer->keys->of_stock) return true;
  pending_.add(now, {id, *answer->keys, answer->udx ? answer->udx->local_id : 0},
               answer->punch != 0 ? kPendingPunchLife : kPendingHelloLife);
  dial_back(now, id, *answer);
  return true;
}

void Greeter::dial_back(Now now, HelloId id, const HelloServer::Answer& answer) {
  DialBackRequested request{id, *answer.keys, {}};
  for (const auto endpoint : answer.dial_back) {
    if (dials_back_.allow(now, endpoint.ip)) {
      request.candidates.push_back(tcp_candidate(endpoint));
    } else {
      ++stats_.dials_refused;
    }
  }
  if (!request.candidates.empty()) events_.push(std::move(request));
}

}  // namespace cip::overlay
