#include "node/handlers/fetch.hpp"

#include <fmt/format.h>

#include "base/counted.hpp"
#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

// So often a peer, or several, may lie without that a right block came in between.
constexpr unsigned kMaxLies = 3;

}  // namespace

Fetch::Fetch(Daemon& daemon, Params& params, Output& out)
    : FeedOperation(daemon, out), peers_(params.texts("peer")) {
  query_.text = params.required_text("feed");
  const auto key = params.text("encryptionKey");
  if (!key.empty()) encryption_key_ = key;
  const auto range = params.text("range");
  if (!range.empty()) range_text_ = range;
  // Who sets a time wants the search to go on until then.
  patience_ = params.duration("timeoutMs").has_value() ? Duration::zero() : kSearchTime;
}

Fetch::~Fetch() {
  cancel_download();
  daemon_.participant().changed();
}

void Fetch::start() {
  begun_ = now().mono;
  if (encryption_key_) {
    const auto key = parse_key(*encryption_key_);
    if (!key) {
      return out_.fail({ExitCode::usage, "the encryption key is not 32 bytes in z32 or hex", {}});
    }
    query_.encryption_key = *key;
  }
  if (range_text_) {
    const auto range = parse_range(*range_text_);
    if (!range) return out_.fail(range.error());
    range_ = *range;
  }
  open(query_);
}

void Fetch::handle_deadline() {
  if (search_) return out_.fail(explained(search_->verdict()));
  Operation::handle_deadline();
}

void Fetch::download(overlay::DownloadOptions options) {
  if (feed().is_frozen()) return fail_frozen();
  if (!search_) seek_peers();
  cancel_download();
  download_ = daemon_.participant().hub().replication().download(now(), number(), options);
  if (watch_) watch_->watch(*download_);
  note_asked();
  daemon_.participant().changed();
}

void Fetch::seek_peers() {
  faults_.emplace(daemon_, known().record.discovery_key, peers_, [this](const PeerFault& fault) {
    out_.notice(fmt::format("{} {}", fault.peer, fault.text));
  });
  search_.emplace(daemon_, number(), peers_, patience_,
                  [this](Error error) { out_.fail(explained(std::move(error))); });
  search_->on_asked = [this] { note_asked(); };
  search_->on_notice = [this](const std::string& sentence) { out_.notice(sentence); };
  search_->on_resolved = [this](const Endpoint& peer) { faults_->add_named(peer); };
  if (is_endless_) return;
  watch_.emplace(
      daemon_, number(), *search_,
      FetchWatch::Callbacks{[this](const std::string& sentence) { out_.notice(sentence); },
                            [this](Error error) { end_in_silence(std::move(error)); }});
}

// An empty feed need not be waited for when all who have it say that it is.
void Fetch::note_asked() {
  if (!download_ || !search_->has_asked_named()) return;
  daemon_.participant().hub().replication().note_all_asked(number(), *download_);
  daemon_.participant().changed();
}

// Who sets a time waits until then, and knows what for.
void Fetch::end_in_silence(Error error) {
  auto told = explained(std::move(error));
  if (patience_ == Duration::zero()) return out_.notice("still waiting: " + told.message);
  out_.fail(std::move(told));
}

Error Fetch::explained(Error error) const {
  error = faults_->explain(std::move(error));
  if (!damage_) return error;
  return {damage_->code, fmt::format("{}; {}", damage_->message, error.message), damage_->hint};
}

void Fetch::note_damage(const std::optional<Error>& damage) {
  if (damage_ || !damage) return;
  damage_ = damage;
  out_.notice(damage->message + "; it is fetched again");
}

void Fetch::cancel_download() {
  if (!download_) return;
  fetched_before_ = fetched();
  daemon_.participant().hub().replication().cancel_download(now(), number(), *download_);
  download_.reset();
}

overlay::Fetched Fetch::fetched() const {
  auto sum = fetched_before_;
  if (!download_) return sum;
  if (const auto state = daemon_.participant().hub().replication().state_of(number(), *download_)) {
    sum.blocks += state->fetched.blocks;
    sum.bytes += state->fetched.bytes;
  }
  return sum;
}

bool Fetch::is_here() {
  const auto& held = feed();
  const auto end = range_.end.value_or(held.length());
  if (held.length() == 0 || end > held.length()) return false;
  return range_.start >= end || held.blocks().first_unset(range_.start, end) == end;
}

overlay::DownloadOptions Fetch::options_of_range() const {
  overlay::DownloadOptions options;
  options.start = range_.start;
  options.end = range_.end;
  return options;
}

bool Fetch::has_finished(const overlay::FeedNews& news) {
  const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
  const auto* sync = event ? std::get_if<overlay::InSync>(event) : nullptr;
  if (!sync || sync->download != download_ || !sync->finished) return false;
  download_.reset();
  fetched_before_.blocks += sync->fetched.blocks;
  fetched_before_.bytes += sync->fetched.bytes;
  return true;
}

bool Fetch::ended_badly(const overlay::FeedNews& news) {
  if (faults_) faults_->handle(news);
  if (search_) search_->handle(news);
  if (watch_ && std::holds_alternative<overlay::FeedPeerJoined>(news.what)) watch_->note_hope();
  const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what);
  if (event && std::holds_alternative<overlay::FeedFrozen>(*event)) return fail_frozen(), true;
  const bool is_progress = event && (std::holds_alternative<overlay::Progress>(*event) ||
                                     std::holds_alternative<overlay::LengthGrew>(*event));
  if (faults_ && is_progress) faults_->forget_lies();
  if (faults_ && faults_->lies() >= kMaxLies) {
    out_.fail(faults_->explain(
        {ExitCode::corrupt, "the peers that were reached sent nothing but wrong data", {}}));
    return true;
  }
  const auto* own = std::get_if<store::FeedEvent>(&news.what);
  const auto* failed = own ? std::get_if<store::StoreFailed>(own) : nullptr;
  if (!failed) return false;
  cancel_download();  // before the feed is opened anew
  out_.fail(error_from(failed->reason, "writing the feed"));
  return true;
}

void Fetch::fail_frozen() {
  out_.fail({ExitCode::conflict, "the feed has two signed histories; nothing more is taken",
             "its author must start a new feed"});
}

std::string Fetch::told_of(const store::Truncated& cut) {
  const auto length = counted(cut.length, "block");
  if (cut.length == cut.common) return fmt::format("cut the feed to {}", length);
  return fmt::format("rewrote the feed from block {} on, which has {} now", cut.common, length);
}

const store::Truncated* Fetch::cut_of(const overlay::FeedNews& news) {
  const auto* event = std::get_if<store::FeedEvent>(&news.what);
  return event ? std::get_if<store::Truncated>(event) : nullptr;
}

}  // namespace cip::node
