#include "node/salvage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "node/database_keeper.hpp"
#include "node/home.hpp"
#include "node/home_content.hpp"
#include "node/saved_formats.hpp"
#include "node/store_error.hpp"
#include "node/system_random.hpp"
#include "store/feed.hpp"
#include "store/feed_store.hpp"
#include "store/flat_tree.hpp"
#include "store/rocksdb/salvage.hpp"

namespace cip::node {
namespace fs = std::filesystem;

namespace {

// How many entries are copied in one commit.
constexpr std::size_t kNodesPerCommit = 4096;
constexpr std::size_t kBlocksPerCommit = 64;

// A folder that goes with it.
class Scratch {
 public:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::uint64_t> positions_in(const std::vector<store::BitfieldPage>& pages) {
  std::vector<std::uint64_t> out;
  for (const auto& page : pages) {
    for (std::size_t bit = 0; bit < store::kBitsPerPage; ++bit) {
      if ((page.bits[bit / 8] >> (bit % 8) & 1) != 0)
        out.push_back(page.number * store::kBitsPerPage + bit);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

void clear_bit(std::vector<store::BitfieldPage>& pages, std::uint64_t position) {
  for (auto& page : pages) {
    if (page.number != position / store::kBitsPerPage) continue;
    const auto bit = static_cast<std::size_t>(position % store::kBitsPerPage);
    page.bits[bit / 8] = static_cast<std::uint8_t>(page.bits[bit / 8] & ~(1U << (bit % 8)));
  }
}

// What a check of the whole feed finds bad.
std::vector<store::BadPart> check(store::Feed& feed, store::Backend& from) {
  std::vector<store::BadPart> bad;
  for (std::uint64_t next = 0;;) {
    feed.verify(next);
    while (auto op = feed.poll_store_op()) {
      if (const auto* read = std::get_if<store::ReadOp>(&op->op))
        feed.handle_store_done(op->id, from.read(*read));
    }
    while (auto event = feed.poll_event()) {
      const auto* step = std::get_if<store::Verified>(&*event);
      if (!step) continue;
      bad.insert(bad.end(), step->bad.begin(), step->bad.end());
      if (step->done) return bad;
      next = step->next;
    }
  }
}

class Salvage {
 public:
  Salvage(store::Backend& from, store::Backend& to, bool lacks_files)
      : from_(from), to_(to), lacks_files_(lacks_files) {}

  Outcome<std::vector<Json>> run();
  std::size_t not_saved() const { return not_saved_; }
  std::size_t keys() const { return keys_; }
  std::size_t topics() const { return topics_; }

 private:
  Result<Json> save(const store::FeedRecord& record);
  Result<void> copy_contents(store::FeedState state, store::FeedNumber number, Json& told);
  Result<void> copy_keys();
  Result<void> copy_topics();

  store::Backend& from_;
  store::Backend& to_;
  bool lacks_files_;
  std::size_t not_saved_ = 0;
  std::size_t keys_ = 0;
  std::size_t topics_ = 0;
};

Json described(const store::FeedRecord& record) {
  return {{"key", to_z32(record.key)},
          {"keyHex", to_hex(record.key)},
          {"name", record.name},
          {"writable", record.writable},
          {"saved", false}};
}

Outcome<std::vector<Json>> Salvage::run() {
  const auto failed = [](std::error_code code, const char* what) {
    return tl::unexpected(error_from(code, what));
  };
  if (auto copied = copy_keys(); !copied) return failed(copied.error(), "saving the key ring");
  if (auto copied = copy_topics(); !copied) return failed(copied.error(), "saving topics");
  const auto records = from_.list_feeds();
  if (!records) return failed(records.error(), "reading the directory of feeds");
  std::vector<Json> told;
  for (const auto& record : *records) {
    auto saved = save(record);
    if (!saved) return failed(saved.error(), "writing the new home");
    if (!saved->value("saved", false)) ++not_saved_;
    told.push_back(std::move(*saved));
  }
  if (auto synced = to_.sync(); !synced) return failed(synced.error(), "writing the new home");
  return told;
}

// Errors are those of the new home; what is wrong with the old one is told.
Result<Json> Salvage::save(const store::FeedRecord& record) {
  auto told = described(record);
  const auto give_up = [&](const std::string& reason) {
    told["reason"] = reason;
    return told;
  };
  auto state = from_.load_feed(record.number);
  if (!state) return give_up(state.error().message());
  // A feed without a head is an empty one, unless its head was in what is lost.
  if (!state->head && lacks_files_) return give_up("its head cannot be read");
  auto pages = *state;
  auto feed = store::Feed::open(std::move(*state));
  if (!feed) return give_up(feed.error().message());
  std::uint64_t lost = 0;
  for (const auto& part : check(*feed, from_)) {
    if (part.kind != store::BadPart::Kind::block)
      return give_up(fmt::format("its tree or signature does not hold: {}", part.reason.message()));
    clear_bit(pages.block_pages, part.index);
    ++lost;
  }
  const auto made = to_.create_feed(record, pages.manifest);
  if (!made) return fail(made.error());
  told["length"] = feed->length();
  told["lost"] = lost;
  if (auto copied = copy_contents(std::move(pages), made->number, told); !copied)
    return fail(copied.error());
  told["saved"] = true;
  if (lost > 0) told["reason"] = fmt::format("blocks that cannot be read: {}", lost);
  return told;
}

Result<void> Salvage::copy_contents(store::FeedState state, store::FeedNumber number, Json& told) {
  const auto nodes = positions_in(state.node_pages);
  for (std::size_t at = 0; at < nodes.size(); at += kNodesPerCommit) {
    store::ReadOp read;
    read.feed = state.feed;
    for (auto i = at; i < std::min(nodes.size(), at + kNodesPerCommit); ++i)
      read.nodes.push_back(store::flat::index_at(nodes[i]));
    const auto found = from_.read(read);
    if (!found) return fail(found.error());
    store::CommitOp commit;
    commit.feed = number;
    for (const auto& node : found->nodes) {
      if (node) commit.nodes.push_back(*node);
    }
    if (auto written = to_.commit(commit); !written) return written;
  }
  const auto blocks = positions_in(state.block_pages);
  std::uint64_t bytes = 0;
  for (std::size_t at = 0; at < blocks.size(); at += kBlocksPerCommit) {
    store::ReadOp read;
    read.feed = state.feed;
    const auto end = std::min(blocks.size(), at + kBlocksPerCommit);
    read.blocks.assign(blocks.begin() + static_cast<std::ptrdiff_t>(at),
                       blocks.begin() + static_cast<std::ptrdiff_t>(end));
    auto found = from_.read(read);
    if (!found) return fail(found.error());
    store::CommitOp commit;
    commit.feed = number;
    for (std::size_t i = 0; i < read.blocks.size(); ++i) {
      if (!found->blocks[i]) continue;
      bytes += found->blocks[i]->size();
      commit.blocks.push_back({read.blocks[i], std::move(*found->blocks[i])});
    }
    if (auto written = to_.commit(commit); !written) return written;
  }
  told["blocks"] = blocks.size();
  told["bytes"] = bytes;
  // Last, so that a feed that is not whole has no head.
  store::CommitOp head;
  head.feed = number;
  head.head = std::move(state.head);
  head.equivocation = std::move(state.equivocation);
  head.block_pages = std::move(state.block_pages);
  head.node_pages = std::move(state.node_pages);
  head.sync = true;
  return to_.commit(head);
}

Result<void> Salvage::copy_keys() {
  const auto ring = from_.list_ring_keys();
  if (!ring) return fail(ring.error());
  for (const auto& key : *ring) {
    if (auto kept = to_.put_ring_key(key); !kept) return kept;
  }
  keys_ = ring->size();
  return {};
}

Result<void> Salvage::copy_topics() {
  const auto topics = from_.list_topics();
  if (!topics) return fail(topics.error());
  for (const auto& topic : *topics) {
    if (auto kept = to_.put_topic(topic); !kept) return kept;
  }
  topics_ = topics->size();
  return {};
}

// Error usage: there is something already.
Outcome<void> check_target(const fs::path& target) {
  std::error_code error;
  const bool is_free = !fs::exists(target, error) ||
                       (fs::is_directory(target, error) && fs::is_empty(target, error));
  if (is_free && !error) return {};
  return fail_with(ExitCode::usage, fmt::format("{} exists and is not empty", target.string()),
                   "name a folder that does not exist: it becomes the new home");
}

// The new home, which is gone again unless it was made.
class NewHome {
 public:
  explicit NewHome(fs::path folder) : folder_(std::move(folder)) {
    std::error_code error;
    was_there_ = fs::exists(folder_, error);
  }
  NewHome(const NewHome&) = delete;
  NewHome& operator=(const NewHome&) = delete;
  ~NewHome() {
    std::error_code error;
    if (is_made_) return;
    if (!was_there_) fs::remove_all(folder_, error);
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
  }
  void keep() { is_made_ = true; }

 private:
  fs::path folder_;
  bool was_there_ = false;
  bool is_made_ = false;
};

// Others may hold more of the own feeds than a backup, or than a home that came from one and has
// not asked yet.
Result<void> carry_marks(const HomePaths& from, store::Backend& old, store::Backend& fresh,
                         const Bytes32& primary_key) {
  bool is_marked = is_backup(from);
  const auto feeds = old.list_feeds();
  for (const auto& feed : feeds ? *feeds : std::vector<store::FeedRecord>()) {
    const auto mark = old.find_state(store::restored_state(feed.key));
    is_marked = is_marked || (mark && *mark);
  }
  if (!is_marked) return {};
  const auto marked = store::FeedStore(fresh, primary_key).mark_restored();
  if (!marked) return fail(marked.error());
  return {};
}

bool copy_identity(const HomePaths& from, const HomePaths& to) {
  std::ifstream in(from.identity, std::ios::binary);
  const Bytes key{std::istreambuf_iterator<char>(in), {}};
  if (key.size() != 32) return false;
  std::error_code error;
  fs::copy_file(from.identity, to.identity, error);
  if (error) return false;
  fs::permissions(to.identity, fs::perms::owner_read | fs::perms::owner_write, error);
  return !error;
}

// Files that are gone or cut, and those that the repair put away.
std::set<std::string> lost_files(const HomePaths& from, const fs::path& copy) {
  auto lost = store::lost_files(from.database.string());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(copy / "lost", error)) {
    if (entry.path().extension() == ".sst") lost.insert(entry.path().filename().string());
  }
  return lost;
}

std::optional<Error> incomplete(std::size_t not_saved, const std::set<std::string>& lost) {
  if (not_saved == 0 && lost.empty()) return std::nullopt;
  std::string message = "not all of the home is saved";
  if (not_saved > 0) message += fmt::format("; {} cannot be read", counted(not_saved, "feed"));
  if (!lost.empty()) {
    message += fmt::format(
        "; {} of the database {} gone, cut or damaged ({}), and what was in {} "
        "is not known",
        counted(lost.size(), "file"), lost.size() == 1 ? "is" : "are", fmt::join(lost, ", "),
        lost.size() == 1 ? "it" : "them");
  }
  return Error{ExitCode::corrupt, message, "a backup, or peers that hold the feeds, have the rest"};
}

Json summary(const HomePaths& to, bool has_identity) {
  return {{"home", to.home.string()},
          {"identity", has_identity},
          {"feeds", 0},
          {"notSaved", 0},
          {"keys", 0},
          {"topics", 0},
          {"lostFiles", Json::array()}};
}

// The folder of the database is there and holds neither a table nor a log.
LocalAnswer nothing_left(const HomePaths& from, const HomePaths& to, bool has_identity) {
  return {
      {summary(to, has_identity)},
      Error{ExitCode::corrupt,
            fmt::format("nothing is left in the database {}", from.database.string()),
            has_identity ? "the identity is saved; a backup, or peers that hold the feeds, have "
                           "the rest"
                         : "a backup, or peers that hold the feeds, have the rest"}};
}

}  // namespace

Outcome<LocalAnswer> salvage(const fs::path& damaged, const fs::path& target) {
  std::error_code gone;
  const HomePaths from(fs::absolute(damaged));
  const HomePaths to(fs::absolute(target, gone));
  if (gone) {
    return fail_with(ExitCode::usage,
                     fmt::format("there is no {}: the current folder is gone", target.string()));
  }
  if (auto own = check_home_owner(from); !own) return tl::unexpected(own.error());
  if (std::error_code error; !fs::exists(from.database, error)) {
    return fail_with(ExitCode::not_found,
                     fmt::format("the home {} has no database", from.home.string()),
                     "--home DIR names another home");
  }
  if (const auto holder = lock_holder(from)) {
    return fail_with(
        ExitCode::busy,
        fmt::format("the home {} is in use by {}", from.home.string(), to_string(*holder)),
        "stop it first with: cipnode stop");
  }
  if (auto is_free = check_target(to.home); !is_free) return tl::unexpected(is_free.error());
  NewHome target_home(to.home);
  if (auto made = make_home(to); !made) return tl::unexpected(made.error());
  const Scratch scratch(to.home / "salvage");
  std::error_code error;
  fs::create_directory(scratch.path(), error);
  SystemRandom random;
  const bool has_identity = copy_identity(from, to);
  const auto identity = open_identity(to, random);
  if (!identity) return tl::unexpected(identity.error());
  auto old = store::open_salvaged(from.database.string(), (scratch.path() / "copy").string(),
                                  random, saved_formats());
  if (!old && old.error() == store::Errc::not_found) {
    target_home.keep();
    return nothing_left(from, to, has_identity);
  }
  if (!old) {
    return tl::unexpected(
        error_from(old.error(), fmt::format("reading the database {}", from.database.string())));
  }
  auto fresh = open_database(to, random);
  if (!fresh) return tl::unexpected(fresh.error());
  const auto lost = lost_files(from, scratch.path() / "copy");
  Salvage work(**old, **fresh, !lost.empty());
  auto told = work.run();
  if (!told) return tl::unexpected(told.error());
  if (auto marked = carry_marks(from, **old, **fresh, identity->primary_key); !marked) {
    return tl::unexpected(error_from(marked.error(), "marking the saved feeds"));
  }
  target_home.keep();
  const auto feeds = told->size();
  auto last = summary(to, has_identity);
  last["feeds"] = feeds - work.not_saved();
  last["notSaved"] = work.not_saved();
  last["keys"] = work.keys();
  last["topics"] = work.topics();
  last["lostFiles"] = lost;
  told->push_back(std::move(last));
  return LocalAnswer{std::move(*told), incomplete(work.not_saved(), lost)};
}

}  // namespace cip::node
