// du: what each feed takes of the disk, largest first.

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "node/disk_keeper.hpp"
#include "node/handlers/handlers.hpp"
#include "node/store_error.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

const char* class_text(store::DiskClass disk_class) {
  switch (disk_class) {
    case store::DiskClass::own:
      return "own";
    case store::DiskClass::kept:
      return "kept";
    case store::DiskClass::cache:
      return "cache";
  }
  return "";
}

class DiskUsed final : public Operation {
 public:
  DiskUsed(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {
    daemon_.storage().ask(store::StorageLane::directory, store::ListTopicsOp{}, alive_,
                          [this](const Result<std::vector<store::TopicRecord>>& topics) {
                            if (!topics)
                              return out_.fail(error_from(topics.error(), "listing topics"));
                            for (const auto& topic : *topics) {
                              topics_[topic.id] = name_of(topic).text;
                            }
                            list_feeds();
                          });
  }

 private:
  void list_feeds() {
    daemon_.storage().ask(store::StorageLane::directory, store::ListFeedsOp{}, alive_,
                          [this](const Result<std::vector<store::FeedRecord>>& feeds) {
                            if (!feeds)
                              return out_.fail(error_from(feeds.error(), "listing feeds"));
                            for (const auto& feed : *feeds) feeds_[feed.number] = feed;
                            put();
                          });
  }

  void put() {
    auto shares = daemon_.disk().shares();
    std::ranges::stable_sort(shares, std::ranges::greater(), &store::DiskShare::bytes);
    for (const auto& share : shares) {
      // One that was dropped a moment ago.
      if (const auto feed = feeds_.find(share.feed); feed != feeds_.end()) {
        out_.result(row(share, feed->second));
      }
    }
    if (const auto records = daemon_.disk().other_bytes(); records > 0) {
      out_.result({{"class", "records"}, {"bytes", records}});
    }
    out_.done();
  }

  Json row(const store::DiskShare& share, const store::FeedRecord& feed) const {
    Json out{{"class", class_text(share.disk_class)}, {"bytes", share.bytes}};
    add_key(out, feed.key);
    out["name"] = feed.name;
    out["topic"] = Json();
    if (feed.topic) {
      const auto topic = topics_.find(*feed.topic);
      out["topic"] = topic == topics_.end() ? "id:" + to_hex(*feed.topic) : topic->second;
    }
    return out;
  }

  Daemon& daemon_;
  std::map<Bytes32, std::string> topics_;  // id -> what its user calls it
  std::map<store::FeedNumber, store::FeedRecord> feeds_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_disk_use_handlers(HandlerTable& table) { table["du"] = factory_of<DiskUsed>(); }

}  // namespace cip::node
