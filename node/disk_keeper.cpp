#include "node/disk_keeper.hpp"

#include <fmt/format.h>

#include "node/clock.hpp"
#include "node/log.hpp"

namespace cip::node {

namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// The lesser of the two.
constexpr std::uint64_t kDefaultQuota = std::uint64_t{10} << 30;
constexpr std::uint64_t kDefaultQuotaShare = 10;
// With so much to spare, kept feeds fetch what comes without being shared out: it is looked again
// before that can be used up.
constexpr std::uint64_t kAmpleRoom = std::uint64_t{1} << 30;

}  // namespace

std::uint64_t default_quota(const std::filesystem::path& home) {
  std::error_code error;
  const auto space = std::filesystem::space(home, error);
  return error ? kDefaultQuota : std::min(kDefaultQuota, space.capacity / kDefaultQuotaShare);
}

DiskKeeper::DiskKeeper(asio::io_context& io, FeedLibrary& feeds, store::StorageRequests& storage,
                       std::uint64_t quota)
    : feeds_(feeds), storage_(storage), quota_(quota), timer_(io) {
  feeds_.on_closed = [this](const store::FeedRecord& record, std::uint64_t bytes) {
    closed_[record.number] = {record.number, record.disk_class, bytes, record.used, false, false};
  };
  feeds_.on_dropped = [this](store::FeedNumber number) { closed_.erase(number); };
  feeds_.on_wish = [this] { allot(); };
}

void DiskKeeper::start(std::function<void()> on_counted) {
  storage_.ask(store::StorageLane::status, store::ListSharesOp{}, alive_,
               [this, on_counted = std::move(on_counted)](
                   const Result<std::vector<store::DiskShare>>& found) {
                 // What was closed since is known better.
                 for (const auto& share : found.value_or(std::vector<store::DiskShare>{}))
                   closed_.emplace(share.feed, share);
                 is_counted_ = true;
                 look();
                 on_counted();
               });
}

std::vector<store::DiskShare> DiskKeeper::shares() const {
  auto all = closed_;
  for (const auto& [number, open] : feeds_.open_feeds()) {
    const auto* feed = feeds_.feed(number);
    if (!feed) continue;
    const auto& record = open.record;
    const bool in_use = !open.users.empty() || record.topic.has_value();
    const bool in_topic = record.topic.has_value() && !record.writable;
    all[number] = {number, record.disk_class, feed->held_bytes(), record.used, in_use, in_topic};
  }
  std::vector<store::DiskShare> out;
  for (const auto& entry : all) out.push_back(entry.second);
  return out;
}

DiskKeeper::Claim::Claim(DiskKeeper& keeper, std::function<DiskDemand()> missing)
    : keeper_(keeper), keeper_alive_(keeper.alive_), missing_(std::move(missing)) {
  keeper_.claims_.insert(this);
}

DiskKeeper::Claim::~Claim() {
  if (!keeper_alive_.expired()) keeper_.claims_.erase(this);
}

Outcome<void> DiskKeeper::Claim::admit() {
  auto admitted = keeper_.admit(missing_().bytes, this);
  is_admitted_ = admitted.has_value();
  return admitted;
}

Outcome<void> DiskKeeper::admit(std::uint64_t bytes, const Claim* except) const {
  if (use().lasting() + demanded(except) + bytes <= room()) return {};
  return tl::unexpected(full(bytes));
}

Outcome<void> DiskKeeper::admit_some() const {
  if (is_short_) return tl::unexpected(full(0));
  return admit(0);
}

Error DiskKeeper::full(std::uint64_t bytes) const {
  const auto now_used = use();
  return {ExitCode::full,
          fmt::format(
              "the disk quota of {} is used up: own feeds {}, kept ones {}, and {} more are wanted",
              megabytes(quota_), megabytes(now_used.own), megabytes(now_used.kept),
              megabytes(bytes + demanded(nullptr))),
          "raise it with: cipnode join --quota SIZE; or make room with feed unseed, feed clear, "
          "feed drop"};
}

std::vector<DiskKeeper::Wish> DiskKeeper::wishes() const {
  std::vector<Wish> out;
  for (const auto& [number, open] : feeds_.open_feeds()) {
    const auto* feed = feeds_.feed(number);
    if (!feed || !open.following || !open.takes_share()) continue;
    const auto from = open.followed_from;
    const auto missing = missing_bytes(*feed, from, feed->length());
    const auto allowed = open.follow_end ? missing_bytes(*feed, from, *open.follow_end) : missing;
    out.push_back({number, from, missing, allowed});
  }
  return out;
}

// What was promised and is not here yet. A feed that is both fetched and followed counts once.
std::uint64_t DiskKeeper::demanded(const Claim* except) const {
  std::map<store::FeedNumber, std::uint64_t> demands;
  for (const auto& wish : wishes()) demands[wish.feed] = wish.allowed;
  for (const auto* claim : claims_) {
    if (!claim->is_admitted_ && claim != except) continue;
    const auto demand = claim->missing_();
    auto& bytes = demands[demand.feed];
    bytes = claim == except ? 0 : std::max(bytes, demand.bytes);
  }
  std::uint64_t sum = 0;
  for (const auto& demand : demands) sum += demand.second;
  return sum;
}

// Shares what is left out among the kept feeds that are followed, before they ask for blocks: what
// came would stay.
void DiskKeeper::allot() {
  if (!is_counted_) return;
  const auto all = wishes();
  std::uint64_t allowed = 0, missing = 0;
  for (const auto& wish : all) {
    allowed += wish.allowed;
    missing += wish.missing;
  }
  const auto lasting = use().lasting();
  const auto taken = lasting + demanded(nullptr) - allowed;
  auto left = room() - std::min(room(), taken);
  const bool is_ample = left >= kAmpleRoom && left - kAmpleRoom >= missing;
  const bool was_short = std::exchange(is_short_, missing > left || lasting >= room());
  for (const auto& wish : all) {
    const auto bytes = std::min(wish.missing, left);
    left -= bytes;
    std::optional<std::uint64_t> end;
    if (!is_ample) end = end_within(*feeds_.feed(wish.feed), wish.from, bytes);
    feeds_.follow_to(wish.feed, end);
  }
  if (was_short == is_short_) return;
  log(Floor::store, LogLevel::warning, "{}",
      is_short_ ? "the disk quota is used up: seeded feeds are not fetched any further"
                : "there is room for all seeded feeds within the disk quota");
}

void DiskKeeper::look_later() {
  timer_.expires_after(kDiskLook);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired()) look();
  });
}

void DiskKeeper::look() {
  const auto quota = room();
  auto left = shares();
  const auto without = [&](store::FeedNumber gone) {
    std::erase_if(left, [&](const auto& share) { return share.feed == gone; });
  };
  for (const auto feed : store::to_evict(left, quota)) {
    evict(feed);
    without(feed);
  }
  for (const auto feed : store::topic_feeds_to_give_up(left, quota)) {
    on_give_up(feed);
    without(feed);
  }
  const auto use = store::sum_up(left);
  // Readers of more than fits read on; what they have read goes behind them.
  if (use.total() > quota) feeds_.clear_read_cache();
  const bool topics_full = is_topics_full_ = !store::topics_fit(use, quota);
  feeds_.set_full({.kept = use.lasting() >= quota, .topics = topics_full});
  on_topics_full(topics_full);
  feeds_.look_after();
  allot();
  look_later();
}

void DiskKeeper::evict(store::FeedNumber feed) {
  log(Floor::store, LogLevel::info, "evicting feed {} of the cache", feed);
  closed_.erase(feed);
  feeds_.evict(feed);
}

}  // namespace cip::node
