// top: what the node does, once for every interval, with what each thing moved in it.

#include <asio/steady_timer.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/handlers/status.hpp"
#include "node/participant.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

constexpr Duration kDefaultInterval = std::chrono::seconds(1);
// Below it a sample costs more than it shows.
constexpr Duration kLeastInterval = std::chrono::milliseconds(100);
// Of peers, feeds and topics: those that move most. No terminal shows more.
constexpr std::size_t kMostRows = 100;

// How much counters grew since the last sample.
template <typename Key>
class Growth {
 public:
  // A counter that is new, or began anew, has grown by nothing.
  std::uint64_t note(const Key& key, std::uint64_t count) {
    now_[key] = count;
    const auto before = before_.find(key);
    return before == before_.end() || before->second > count ? 0 : count - before->second;
  }
  void next() { before_ = std::exchange(now_, {}); }

 private:
  std::map<Key, std::uint64_t> before_, now_;
};

// The rows with the most in front, and no more than are shown.
Json most_of(std::vector<std::pair<double, Json>> rows) {
  std::ranges::stable_sort(rows, std::ranges::greater(), &std::pair<double, Json>::first);
  if (rows.size() > kMostRows) rows.resize(kMostRows);
  Json out = Json::array();
  for (auto& row : rows) out.push_back(std::move(row.second));
  return out;
}

class Top final : public Operation {
 public:
  Top(Daemon& daemon, Params& params, Output& out)
      : Operation(out),
        daemon_(daemon),
        interval_(
            std::max(params.duration("intervalMs").value_or(kDefaultInterval), kLeastInterval)),
        left_(params.number("count")),
        timer_(daemon.io()) {}

  void start() override {
    learn_names();
    sample();  // what the first that is shown is compared with
    wait();
  }

 private:
  void learn_names() {
    daemon_.storage().ask(store::StorageLane::status, store::ListTopicsOp{}, alive_,
                          [this](const Result<std::vector<store::TopicRecord>>& topics) {
                            if (!topics) return;  // they are shown by their ids
                            for (const auto& topic : *topics) {
                              names_[topic.id] = name_of(topic).text;
                            }
                          });
  }

  void wait() {
    timer_.expires_after(interval_);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (error || alive.expired()) return;
      // Who has not read the last one is not owed this one.
      if (out_.room() > 0) {
        out_.result(sample());
        if (left_ && --*left_ == 0) return out_.done();
      }
      wait();
    });
  }

  Json sample() {
    const auto time = now();
    seconds_ = to_ms(time.mono - sampled_) / 1000;
    sampled_ = time.mono;
    auto& participant = daemon_.participant();
    Json out{{"time", time.wall.value},
             {"seconds", seconds_},
             {"uptimeMs", to_ms(time.mono - daemon_.started())},
             {"key", to_z32(daemon_.identity().public_key)},
             {"address", to_string(participant.local())},
             {"network", daemon_.options().network},
             {"persistent", participant.dht().is_persistent()},
             {"reachable", !participant.dht().is_firewalled()},
             {"contacts", participant.dht().table().size()},
             {"peerCount", participant.hub().streams().size()},
             {"feedCount", daemon_.feeds().open_feeds().size()},
             {"topicCount", daemon_.topics().machine().joined().size()}};
    out["dht"] = dht_rates();
    out["peers"] = peers();
    out["feeds"] = feeds();
    out["topics"] = topics();
    out["drops"] = drops();
    counters_.next();
    streams_.next();
    held_.next();
    return out;
  }

  double per_second(std::uint64_t grown) const {
    return seconds_ > 0 ? static_cast<double>(grown) / seconds_ : 0;
  }
  double rate(const std::string& counter, std::uint64_t count) {
    return per_second(counters_.note(counter, count));
  }

  Json dht_rates() {
    auto& participant = daemon_.participant();
    const auto& stats = participant.dht().stats();
    const auto udp = participant.udp_counters();
    return {{"requestsPerSecond", rate("requests", stats.requests_sent)},
            {"answersPerSecond", rate("answers", stats.replies_received)},
            {"bytesInPerSecond", rate("in", udp.bytes_in)},
            {"bytesOutPerSecond", rate("out", udp.bytes_out)}};
  }

  Json peers() {
    std::vector<std::pair<double, Json>> rows;
    auto& hub = daemon_.participant().hub();
    for (const auto& status : hub.streams()) {
      const auto conn = status.stream.conn;
      const auto in = per_second(streams_.note({conn, 0}, status.bytes_in));
      const auto out = per_second(streams_.note({conn, 1}, status.bytes_out));
      rows.push_back({in + out,
                      {{"key", to_z32(status.stream.peer)},
                       {"address", to_string(status.stream.remote.address)},
                       {"transport", name_of(status.stream.remote.kind)},
                       {"feeds", hub.replication().feeds_on(conn).size()},
                       {"bytesInPerSecond", in},
                       {"bytesOutPerSecond", out}}});
    }
    return most_of(std::move(rows));
  }

  Json feeds() {
    std::vector<std::pair<double, Json>> rows;
    for (const auto& [number, open] : daemon_.feeds().open_feeds()) {
      const auto* feed = daemon_.feeds().feed(number);
      if (!feed) continue;
      const auto grown = per_second(held_.note(number, feed->held_bytes()));
      const auto held_by = daemon_.participant().hub().replication().peers(number).size();
      rows.push_back({grown,
                      {{"key", to_z32(open.record.key)},
                       {"name", open.record.name},
                       {"writable", open.record.writable},
                       {"length", feed->length()},
                       {"contiguousLength", feed->contiguous_length()},
                       {"peers", held_by},
                       {"bytesPerSecond", grown}}});
    }
    return most_of(std::move(rows));
  }

  Json topics() {
    std::vector<std::pair<double, Json>> rows;
    bool is_named = true;
    auto& machine = daemon_.topics().machine();
    for (const auto& id : machine.joined()) {
      std::uint64_t messages = 0;
      const auto feeds = machine.feeds(id);
      for (const auto& feed : feeds) messages += feed.length;
      const auto grown = rate("topic " + to_hex(id), messages);
      const auto name = names_.find(id);
      is_named = is_named && (name != names_.end() || !unnamed_.insert(id).second);
      rows.push_back({grown,
                      {{"topic", name == names_.end() ? "id:" + to_hex(id) : name->second},
                       {"peers", machine.neighbours(id)},
                       {"feeds", feeds.size()},
                       {"messagesPerSecond", grown}}});
    }
    if (!is_named) learn_names();
    return most_of(std::move(rows));
  }

  Json drops() {
    Json out = Json::object();
    const auto counts = drops_object(daemon_);
    for (const auto& [reason, count] : counts.items()) {
      const auto total = count.get<std::uint64_t>();
      out[reason] = {{"count", total}, {"perSecond", rate("drop " + reason, total)}};
    }
    return out;
  }

  Daemon& daemon_;
  const Duration interval_;
  std::optional<std::uint64_t> left_;  // samples; none: for ever
  asio::steady_timer timer_;
  TimePoint sampled_ = now().mono;
  double seconds_ = 0;
  Growth<std::string> counters_;
  Growth<std::pair<overlay::ConnId, int>> streams_;
  Growth<store::FeedNumber> held_;
  std::map<Bytes32, std::string> names_;  // of topics
  std::set<Bytes32> unnamed_;             // of which the name was asked for
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_top_handlers(HandlerTable& table) { table["top"] = factory_of<Top>(); }

}  // namespace cip::node
