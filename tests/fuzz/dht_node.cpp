// A node that is told anything by anybody. The input is a list of operations: messages (random, or
// answers that fit a request of the node), time, commands. Whatever comes: no contact is in the
// table that never answered from its address, every queue stays within its bound, and the work
// ends.

#include <algorithm>
#include <set>
#include <vector>

#include "base/assert.hpp"
#include "base/codec.hpp"
#include "dht/holepunches.hpp"
#include "dht/node.hpp"
#include "dht/routing_table.hpp"

namespace {

using namespace cip;
using namespace cip::dht;

class Run {
 public:
  explicit Run(ByteView input) : input_(input), node_(options(), arena_, random_) {}

  void all() {
    node_.start(now_);
    drain();
    for (int i = 0; i < 300 && input_.remaining() > 0 && input_.ok(); ++i) {
      one();
      drain();
      check();
    }
    finish();
  }

 private:
  static NodeOptions options() {
    NodeOptions out;
    out.interfaces = {0x7f000001, 0x0a000001};
    out.server_port = 4000;
    out.client_socket = true;
    out.bootstrap = {{0x0a000002, 4000}};
    return out;
  }

  // Few enough that they meet again.
  Endpoint endpoint() {
    const auto n = input_.u8();
    const std::uint32_t ips[] = {0x7f000001, 0x0a000002, 0x0a000100u + n, 0x08080800u + n};
    return {ips[n % 4], static_cast<std::uint16_t>(4000 + n / 64)};
  }
  Target target() { return hash(input_.take(1)); }

  void one() {
    switch (input_.u8() % 11) {
      case 0: {
        const auto from = endpoint();
        const auto local = input_.u8() % 2 == 0 ? SocketRole::server : SocketRole::client;
        const auto message = decode_message(input_.buffer());
        if (message) node_.handle_message(now_, local, from, *message);
        return;
      }
      case 1:
      case 2:
      case 3:
        return answer();
      case 4:
        now_.mono += std::chrono::milliseconds(input_.u16());
        return node_.handle_timeout(now_);
      case 5:
        node_.find_node(now_, target());
        return;
      case 6:
        node_.lookup(now_, target());
        return;
      case 7:
        node_.announce(now_, target(), make_key_pair(target()), {endpoint()});
        return;
      case 8:
        node_.introduce(now_, endpoint());
        return;
      case 9:
        node_.send_hello(now_, endpoint(), target(), to_bytes(input_.take(8)));
        return;
      case 10:
        node_.holepunches().send(now_, static_cast<SocketRole>(2), endpoint(),
                                 {target(), input_.u8(), endpoint(), to_bytes(input_.take(8))});
        return;
    }
  }

  // Answers the oldest request of the node that nobody answered yet, well or badly.
  void answer() {
    if (requests_.empty()) return;
    const auto [socket, to, request] = requests_.front();
    requests_.erase(requests_.begin());
    const bool server = socket == SocketRole::server;
    Reply reply;
    reply.tid = request.tid;
    reply.to = {0x0a000001, static_cast<std::uint16_t>(server ? 4000 : 5000)};
    const auto how = input_.u8();
    reply.id = how & 1 ? node_id_of(to) : NodeId{target()};
    if (how & 2) reply.token = target();
    if (how & 4) reply.error = input_.u8() % 20;
    if (how & 8) reply.value = to_bytes(input_.buffer());
    for (auto n = input_.u8() % 24; n > 0; --n) reply.closer.push_back(endpoint());
    if (how & 1) answered_.insert(to);
    node_.handle_message(now_, socket, to, reply);
  }

  void drain() {
    while (auto out = node_.poll_message()) {
      CIP_ASSERT(encode_message(out->message).size() <= kMaxDatagramSent);
      if (const auto* request = std::get_if<Request>(&out->message)) {
        requests_.push_back({out->socket, out->to, *request});
      }
    }
    while (node_.poll_event()) {
    }
  }

  void check() {
    for (const auto& member : node_.table().members()) {
      CIP_ASSERT(answered_.contains(member.contact.endpoint));
      CIP_ASSERT(member.contact.endpoint.realm() != Realm::public_network);
    }
    CIP_ASSERT(node_.requests_in_flight() <= 400);
    CIP_ASSERT(node_.memory_bytes() < 8'000'000);
  }

  // Left alone, all queries end.
  void finish() {
    for (int i = 0; i < 100'000 && node_.queries_running() > 0; ++i) {
      const auto due = node_.next_timeout();
      CIP_ASSERT(due.has_value());
      now_.mono = std::max(now_.mono, *due);
      node_.handle_timeout(now_);
      drain();
    }
    CIP_ASSERT(node_.queries_running() == 0);
    node_.stop(now_);
    drain();
  }

  struct Asked {
    SocketRole socket;
    Endpoint to;
    Request request;
  };
  Reader input_;
  ContactArena arena_{4096};
  SeededRandom random_{1};
  Now now_{TimePoint{} + std::chrono::hours(1), UnixMillis{1'700'000'000'000}};
  Node node_;
  std::vector<Asked> requests_;
  std::set<Endpoint> answered_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run({data, size}).all();
  return 0;
}
