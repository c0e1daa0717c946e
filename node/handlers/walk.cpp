#include "node/handlers/walk.hpp"

#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/participant.hpp"

namespace cip::node {

namespace {
constexpr Duration kReadyPause = std::chrono::milliseconds(20);
}

ReadyWait::ReadyWait(Daemon& daemon) : daemon_(daemon), timer_(daemon.io()) {}

void ReadyWait::wait(std::function<void()> then) {
  then_ = std::move(then);
  until_ = now().mono + kFirstWalkTime;
  meet_until_ = daemon_.seek_contact();
  look();
}

void ReadyWait::look() {
  const auto& dht = daemon_.participant().dht();
  const auto time = now().mono;
  const bool ready = dht.is_ready() && daemon_.has_contact();
  const bool alone = !daemon_.has_contact() && time >= meet_until_;
  if (ready || alone || time >= until_) return std::exchange(then_, nullptr)();
  timer_.expires_after(kReadyPause);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired()) look();
  });
}

bool nobody_answers(const Daemon& daemon) {
  return !daemon.has_contact() && daemon.has_contacts_to_ask();
}

Error no_contact_error(const Daemon& daemon) {
  Error error{ExitCode::no_route, "no other node answers",
              "name a contact with --bootstrap HOST:PORT, or look with: cipnode doctor"};
  for (const auto& problem : daemon.contact_problems()) error.message += "; " + problem;
  return error;
}

unsigned shared_bits_with(const dht::Contact& contact, const Bytes32& target) {
  return static_cast<unsigned>(dht::shared_bits(contact.id, dht::NodeId{target}));
}

void add_walk(Json& object, const dht::QueryDone& walk) {
  auto hops = Json::array();
  for (const auto& hop : walk.hops) {
    hops.push_back({{"node", to_hex(hop.contact.id.bytes)},
                    {"address", to_string(hop.contact.endpoint)},
                    {"sharedBits", shared_bits_with(hop.contact, walk.target)},
                    {"rttMs", to_ms(hop.rtt)}});
  }
  object["hops"] = std::move(hops);
  object["requests"] = walk.requests;
}

}  // namespace cip::node
