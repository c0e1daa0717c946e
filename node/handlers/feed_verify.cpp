// feed.verify: every block, node and signature that is held, as it is on disk, in bounded steps.

#include "node/clock.hpp"
#include "node/handlers/feed_operation.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

constexpr Duration kProgressEvery = std::chrono::milliseconds(200);
// Damage beyond this is counted and not listed: the list must fit into one answer.
constexpr std::size_t kMaxListed = 1000;

std::string_view kind_name(store::BadPart::Kind kind) {
  switch (kind) {
    case store::BadPart::Kind::block:
      return "block";
    case store::BadPart::Kind::node:
      return "node";
    case store::BadPart::Kind::signature:
      break;
  }
  return "signature";
}

class Verify final : public FeedOperation {
 public:
  Verify(Daemon& daemon, Params& params, Output& out) : FeedOperation(daemon, out) {
    query_.text = params.required_text("feed");
    query_.create = false;
  }
  void start() override { open(query_); }

 private:
  void opened() override {
    daemon_.storage().ask(store::lane_of(number()), store::ForgetCachedOp{}, alive_,
                          [this](const Result<void>&) { step(0); });
  }

  void step(std::uint64_t from) {
    ticket_ = feed().verify(from);
    daemon_.participant().changed();
  }

  void handle(const overlay::FeedNews& news) override {
    const auto* event = std::get_if<store::FeedEvent>(&news.what);
    if (const auto* broken = event ? std::get_if<store::StoreFailed>(event) : nullptr) {
      return out_.fail(error_from(broken->reason, "writing the feed"));
    }
    const auto* checked = event ? std::get_if<store::Verified>(event) : nullptr;
    if (!checked || checked->ticket != ticket_) return;
    blocks_ += checked->blocks;
    nodes_ += checked->nodes;
    bad_count_ += checked->bad.size();
    for (const auto& part : checked->bad) {
      if (bad_.size() == kMaxListed) break;
      bad_.push_back({{"kind", kind_name(part.kind)},
                      {"index", part.index},
                      {"reason", part.reason.message()}});
    }
    if (checked->done) return finish();
    if (const auto at = now().mono; at >= next_progress_) {
      next_progress_ = at + kProgressEvery;
      out_.progress({{"blocks", checked->next}, {"totalBlocks", feed().length()}, {"bytes", 0}});
    }
    step(checked->next);
  }

  void finish() {
    Json result = Json::object();
    add_key(result, feed().key());
    result["blocks"] = blocks_;
    result["nodes"] = nodes_;
    result["bad"] = bad_;
    out_.result(result);
    if (bad_count_ == 0) return out_.done();
    out_.fail(
        {ExitCode::corrupt, "damaged parts of the feed: " + std::to_string(bad_count_),
         "a feed of others: cipnode feed drop KEY and download it again; an own feed: restore "
         "the database from a copy"});
  }

  FeedQuery query_;
  store::Ticket ticket_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t nodes_ = 0;
  std::size_t bad_count_ = 0;
  Json bad_ = Json::array();
  TimePoint next_progress_{};
};

}  // namespace

void add_verify_handlers(HandlerTable& table) { table["feed.verify"] = factory_of<Verify>(); }

}  // namespace cip::node
