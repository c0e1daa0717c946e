#include "overlay/card_publisher.hpp"

#include <algorithm>

#include "dht/node.hpp"
#include "overlay/dial_policy.hpp"

namespace cip::overlay {
namespace {

// The greatest number that fields of this protocol carry.
constexpr std::uint64_t kMaxSeq = (std::uint64_t{1} << 53) - 1;
// A card that is over when it is written; 0 would be none at all.
constexpr std::uint64_t kLongPast = 1;

}  // namespace

CardPublisher::CardPublisher(dht::Node& node, const KeyPair& identity, Random& random)
    : node_(node), identity_(identity), random_(random) {}

void CardPublisher::publish(Now now, const std::vector<Endpoint>& endpoints) {
  auto usable = public_endpoints(endpoints);
  if (aim_ == Aim::publish && usable == endpoints_) return;
  aim_ = Aim::publish;
  endpoints_ = std::move(usable);
  changed_ = true;
  due_ = last_store_ ? std::max(now.mono, *last_store_ + kSpacing) : now.mono;
}

void CardPublisher::withdraw(Now now) {
  aim_ = Aim::withdraw;
  endpoints_.clear();
  changed_ = true;
  due_ = now.mono;
}

bool CardPublisher::has_work() const {
  return aim_ == Aim::withdraw || (aim_ == Aim::publish && !endpoints_.empty());
}

bool CardPublisher::handle_event(Now now, const dht::Event& event) {
  if (const auto* ready = std::get_if<dht::Ready>(&event)) {
    online_ = online_ || ready->reached;
    return false;
  }
  if (query_ == dht::QueryId{}) return false;
  if (const auto* reply = std::get_if<dht::QueryReply>(&event); reply && reply->query == query_) {
    auto value = dht::decode_mutable_value(reply->value);
    if (step_ == Step::checking && value && (!found_ || value->seq > found_->seq)) {
      found_ = std::move(value);
    }
    return true;
  }
  const auto* done = std::get_if<dht::QueryDone>(&event);
  if (done == nullptr || done->query != query_) return false;
  query_ = {};
  step_ == Step::checking ? checked(now, *done) : stored(now, *done);
  return true;
}

void CardPublisher::handle_timeout(Now now) {
  if (next_timeout().value_or(TimePoint::max()) <= now.mono) check(now);
}

std::optional<TimePoint> CardPublisher::next_timeout() const {
  if (step_ != Step::waiting || !online_ || !has_work()) return std::nullopt;
  return due_;
}

std::optional<CardEvent> CardPublisher::poll_event() { return events_.pop(); }

void CardPublisher::check(Now now) {
  step_ = Step::checking;
  changed_ = false;
  found_.reset();
  query_ = node_.get_mutable(now, identity_.public_key, 0);
}

void CardPublisher::checked(Now now, const dht::QueryDone& done) {
  if (done.error) return wait(now, kRetry);
  if (!found_ || is_contact_card(found_->value)) return store(now);
  events_.push(CardForeign{});
  // Nothing of ours is there to be taken back.
  if (aim_ == Aim::withdraw) aim_ = Aim::none;
  wait(now, kEvery);
}

// A clock that was set back must not keep a card from being replaced: its seq is then one more than
// that of the stored one.
void CardPublisher::store(Now now) {
  if (!has_work()) return wait(now, kEvery);
  card_ = {};
  card_.tcp.capabilities = kCapabilityBoundTcp;
  card_.tcp.endpoints = endpoints_;
  card_.expiry = kLongPast;
  if (aim_ == Aim::publish) {
    const auto life = static_cast<std::uint64_t>(std::chrono::seconds(kCardLife).count());
    card_.expiry = now.wall.value / 1000 + life;
  }
  const auto seq = std::max(now.wall.value, found_ ? found_->seq + 1 : 0);
  const auto begun =
      node_.put_mutable(now, identity_, std::min(seq, kMaxSeq), encode_contact_card(card_));
  if (!begun) return wait(now, kEvery);  // eight endpoints always fit
  changed_ = false;
  last_store_ = now.mono;
  step_ = Step::storing;
  query_ = *begun;
}

void CardPublisher::stored(Now now, const dht::QueryDone& done) {
  if (done.error) return wait(now, kRetry);
  const auto holders = std::count_if(done.stored.begin(), done.stored.end(),
                                     [](const dht::Stored& node) { return node.error == 0; });
  const auto here = done.stored_here ? 1 : 0;
  events_.push(CardStored{card_, static_cast<std::size_t>(holders + here)});
  // Meanwhile it may have been switched on again.
  if (aim_ == Aim::withdraw && card_.tcp.endpoints.empty()) aim_ = Aim::none;
  wait(now, kEvery);
}

// A change while the query ran has set the time already.
void CardPublisher::wait(Now now, Duration pause) {
  step_ = Step::waiting;
  if (changed_) return;
  const auto spread = static_cast<std::uint64_t>(pause.count()) / 8;
  due_ = now.mono + pause + Duration(static_cast<Duration::rep>(random_.below(spread + 1)));
}

}  // namespace cip::overlay
