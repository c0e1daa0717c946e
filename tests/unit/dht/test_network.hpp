#pragma once

// Nodes joined by a queue: virtual time, a fixed latency, loss on request, hosts that fall silent.
// Every datagram passes through the codec.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "dht/node.hpp"

namespace cip::test {

class TestNetwork {
 public:
  struct Host {
    Endpoint server;
    std::optional<Endpoint> client;  // of the second socket
    bool everywhere = false;         // listens on 127.0.0.1 as well
    std::unique_ptr<dht::Node> node;
    std::vector<dht::Event> events;
  };
  struct Packet {
    Endpoint from;
    Endpoint to;
    dht::Message message;
    std::uint32_t machine = 0;  // that it comes from: loopback does not leave it
  };
  static constexpr std::uint32_t kLoopback = 0x7f000001;

  explicit TestNetwork(std::uint64_t seed = 1) : random_(seed) {}

  Duration latency = std::chrono::milliseconds(5);
  double loss = 0;
  // Set to watch, or to swallow (return false), every datagram.
  std::function<bool(const Packet&)> filter;

  // Adds a node at `server` and starts it. Its interface is that address unless options say more.
  std::size_t add(Endpoint server, dht::NodeOptions options = {},
                  std::optional<Endpoint> client = std::nullopt) {
    options.server_port = server.port;
    if (options.interfaces.empty()) options.interfaces = {server.ip};
    options.client_socket = client.has_value();
    const auto& ips = options.interfaces;
    const bool everywhere = std::find(ips.begin(), ips.end(), kLoopback) != ips.end();
    hosts_.push_back({server, client, everywhere, nullptr, {}});
    hosts_.back().node = std::make_unique<dht::Node>(std::move(options), arena_, random_);
    hosts_.back().node->start(now_);
    drain(hosts_.size() - 1);
    return hosts_.size() - 1;
  }
  // `count` nodes on loopback that enter through the first one.
  void add_many(std::size_t count, dht::NodeOptions options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      options.bootstrap.clear();
      if (!hosts_.empty()) options.bootstrap = {hosts_.front().server};
      add({0x7f000001, static_cast<std::uint16_t>(10'001 + hosts_.size())}, options);
      run(std::chrono::milliseconds(200));
    }
  }

  dht::Node& node(std::size_t i) { return *hosts_[i].node; }
  Host& host(std::size_t i) { return hosts_[i]; }
  std::size_t size() const { return hosts_.size(); }
  Now now() const { return now_; }
  dht::ContactArena& arena() { return arena_; }
  Random& random() { return random_; }
  void kill(std::size_t i) { dead_.insert(hosts_[i].server); }
  void revive(std::size_t i) { dead_.erase(hosts_[i].server); }

  // Lets a host do something, and sends what comes of it.
  template <typename F>
  auto act(std::size_t i, F&& action) {
    if constexpr (std::is_void_v<decltype(action(node(i)))>) {
      action(node(i));
      drain(i);
    } else {
      auto out = action(node(i));
      drain(i);
      return out;
    }
  }
  // A datagram from anywhere.
  void inject(Endpoint from, Endpoint to, dht::Message message, std::uint32_t machine = 0) {
    queue_.emplace(std::pair(now_.mono + latency, ++sequence_),
                   Packet{from, to, std::move(message), machine});
  }

  void run(Duration duration) {
    const auto until = now_.mono + duration;
    while (step(until)) {
    }
    advance(until);
  }
  // Runs until an event of type E with `matches` is among host i's; none within a minute: nullptr.
  template <typename E, typename M>
  const E* wait_for(std::size_t i, M&& matches, Duration limit = std::chrono::minutes(1)) {
    const auto until = now_.mono + limit;
    for (;;) {
      for (const auto& event : hosts_[i].events) {
        if (const auto* it = std::get_if<E>(&event); it != nullptr && matches(*it)) return it;
      }
      if (!step(until)) return nullptr;
    }
  }
  const dht::QueryDone* wait_done(std::size_t i, dht::QueryId query) {
    return wait_for<dht::QueryDone>(i, [&](const auto& done) { return done.query == query; });
  }
  template <typename E>
  std::vector<E> events_of(std::size_t i) const {
    std::vector<E> out;
    for (const auto& event : hosts_[i].events) {
      if (const auto* it = std::get_if<E>(&event)) out.push_back(*it);
    }
    return out;
  }

 private:
  void advance(TimePoint to) {
    if (to <= now_.mono) return;
    now_.wall.value += static_cast<std::uint64_t>((to - now_.mono) / std::chrono::milliseconds(1));
    now_.mono = to;
  }

  // One delivery or one timeout, whichever is due first; false when nothing is until then.
  bool step(TimePoint until) {
    std::size_t due = hosts_.size();
    TimePoint at = TimePoint::max();
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (dead_.contains(hosts_[i].server)) continue;
      const auto timeout = hosts_[i].node->next_timeout();
      if (timeout && *timeout < at) {
        at = *timeout;
        due = i;
      }
    }
    if (!queue_.empty() && queue_.begin()->first.first <= at) {
      if (queue_.begin()->first.first > until) return false;
      deliver();
      return true;
    }
    if (due == hosts_.size() || at > until) return false;
    advance(at);
    hosts_[due].node->handle_timeout(now_);
    drain(due);
    return true;
  }

  void deliver() {
    auto packet = std::move(queue_.begin()->second);
    advance(queue_.begin()->first.first);
    queue_.erase(queue_.begin());
    if (filter && !filter(packet)) return;
    if (loss > 0 && random_.unit() < loss) return;
    const auto decoded = dht::decode_message(dht::encode_message(packet.message));
    if (decoded != packet.message) throw std::runtime_error("the codec changed a message");
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      auto& host = hosts_[i];
      if (dead_.contains(host.server)) continue;
      const bool server = is_at(packet, host.server, host);
      if (!server && !(host.client && is_at(packet, *host.client, host))) continue;
      host.node->handle_message(now_, server ? dht::SocketRole::server : dht::SocketRole::client,
                                packet.from, *decoded);
      drain(i);
    }
  }

  static bool is_at(const Packet& packet, Endpoint socket, const Host& host) {
    if (packet.to == socket) return true;
    return host.everywhere && packet.to == Endpoint{kLoopback, socket.port} &&
           packet.machine == socket.ip;
  }

  void drain(std::size_t i) {
    auto& host = hosts_[i];
    while (auto out = host.node->poll_message()) {
      auto from = out->socket == dht::SocketRole::server ? host.server : *host.client;
      const auto machine = from.ip;
      if (host.everywhere && out->to.ip == kLoopback) from.ip = kLoopback;
      if (out->source_ip != 0 && out->source_ip != from.ip) {
        throw std::runtime_error("the node chose a source that the receiver cannot see");
      }
      inject(from, out->to, std::move(out->message), machine);
    }
    while (auto event = host.node->poll_event()) host.events.push_back(std::move(*event));
  }

  dht::ContactArena arena_;
  SeededRandom random_;
  Now now_{TimePoint{} + std::chrono::hours(1), UnixMillis{1'700'000'000'000}};
  std::vector<Host> hosts_;
  std::set<Endpoint> dead_;
  std::map<std::pair<TimePoint, std::uint64_t>, Packet> queue_;
  std::uint64_t sequence_ = 0;
};

// --- what the tests of a node share

inline KeyPair key_pair(std::uint8_t n) {
  Seed seed{};
  seed[0] = n;
  return make_key_pair(seed);
}

inline dht::Target target_of(std::uint8_t n) {
  const std::uint8_t byte[] = {n};
  return hash(byte);
}

// The live nodes closest to a target, from global knowledge.
inline std::vector<Endpoint> true_closest(TestNetwork& net, const dht::Target& target,
                                          std::size_t count, std::size_t without = SIZE_MAX) {
  std::vector<dht::Contact> all;
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (i != without) all.push_back(dht::contact_of(net.host(i).server));
  }
  std::sort(all.begin(), all.end(), [&](const dht::Contact& a, const dht::Contact& b) {
    return dht::compare_distance(target, a.id.bytes, b.id.bytes) < 0;
  });
  std::vector<Endpoint> out;
  for (std::size_t i = 0; i < std::min(count, all.size()); ++i) out.push_back(all[i].endpoint);
  return out;
}

inline std::vector<Endpoint> endpoints_of(const std::vector<dht::Contact>& contacts) {
  std::vector<Endpoint> out;
  for (const auto& contact : contacts) out.push_back(contact.endpoint);
  return out;
}

inline std::uint64_t drops(const dht::Node& node, dht::DropReason reason) {
  return node.drops()[static_cast<std::size_t>(reason)];
}

inline dht::Request request_of(dht::InternalCommand command) {
  dht::Request out;
  out.internal = true;
  out.command = static_cast<std::uint64_t>(command);
  return out;
}

}  // namespace cip::test
