#include "node/feed_loader.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

// Longer names are a paste gone wrong.
constexpr std::size_t kMaxFeedName = 255;

tl::unexpected<Error> failed(std::error_code code, const std::string& what) {
  return tl::unexpected(error_from(code, what));
}

std::string shown(const FeedQuery& query) { return query.key ? to_z32(*query.key) : query.text; }

// Finds a feed that is here. Without an Error of its own, a missing name or key says what to do.
Outcome<store::FeedRecord> find_record(store::Backend& backend, const FeedQuery& query,
                                       const FeedName& name) {
  auto found =
      name.key ? backend.find_feed_by_key(*name.key) : backend.find_feed_by_name(name.name);
  if (found) return *found;
  if (found.error() != store::Errc::not_found) return failed(found.error(), "finding the feed");
  if (name.key) {
    return fail_with(ExitCode::not_found, fmt::format("the feed {} is not here", shown(query)),
                     "fetch it with: cipnode feed download KEY");
  }
  return fail_with(ExitCode::not_found, fmt::format("no feed here is called {}", name.name),
                   "see them with: cipnode feed ls; a feed of others is named by its key");
}

store::NewReplica replica_of(const FeedQuery& query, const Bytes32& key) {
  store::NewReplica wanted;
  wanted.key = key;
  wanted.disk_class = query.disk_class;
  wanted.topic = query.topic;
  return wanted;
}

// A feed with a record, unless it is new and may get one.
Outcome<store::OpenFeed> open_feed(store::FeedStore& feeds, store::Backend& backend,
                                   const FeedQuery& query, const FeedName& name) {
  const auto what = fmt::format("opening the feed {}", shown(query));
  if (name.key && query.create) {
    auto opened = feeds.open_replica(replica_of(query, *name.key));
    if (!opened) return failed(opened.error(), what);
    return std::move(*opened);
  }
  const auto record = find_record(backend, query, name);
  if (!record) return tl::unexpected(record.error());
  auto opened = feeds.open(record->number);
  if (!opened) return failed(opened.error(), what);
  return std::move(*opened);
}

Error wrong_key(const store::OpenFeed& opened) {
  if (opened.encryption_key) {
    return {ExitCode::refused, "this home knows another encryption key of the feed",
            "read it without --encryption-key-file: the key that is known is used"};
  }
  return {ExitCode::refused, "the feed is one of this home and is not encrypted",
          "read it without --encryption-key-file"};
}

}  // namespace

Outcome<FeedName> parse_feed_name(const std::string& text) {
  if (text.starts_with("name:")) return FeedName{std::nullopt, text.substr(5)};
  const bool must_be_key = text.starts_with("key:");
  const auto key = parse_key(must_be_key ? text.substr(4) : text);
  if (key) return FeedName{*key, {}};
  const bool usable = !text.empty() && text.size() <= kMaxFeedName;
  if (!must_be_key && usable) return FeedName{std::nullopt, text};
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is neither a feed's key nor a name", text),
                   "keys are 52 letters of z-base-32, 64 hex digits, hyper://... or pear://...");
}

Outcome<store::OpenFeed> load_feed(store::FeedStore& feeds, store::Backend& backend,
                                   const FeedQuery& query) {
  const auto name =
      query.key ? Outcome<FeedName>(FeedName{query.key, {}}) : parse_feed_name(query.text);
  if (!name) return tl::unexpected(name.error());
  auto opened = open_feed(feeds, backend, query, *name);
  if (opened && query.encryption_key &&
      !store::check_encryption_key(*opened, *query.encryption_key)) {
    return tl::unexpected(wrong_key(*opened));
  }
  return opened;
}

Outcome<store::OpenFeed> create_feed(store::FeedStore& feeds, const store::NewWriter& wanted,
                                     const store::FreshSecrets& fresh) {
  auto made = feeds.create(wanted, fresh);
  if (made) return std::move(*made);
  if (made.error() == store::Errc::exists) {
    return fail_with(ExitCode::conflict,
                     fmt::format("a feed called {} exists already", wanted.name),
                     "choose another name; see them with: cipnode feed ls");
  }
  if (made.error() == store::Errc::spent_name) {
    return fail_with(
        ExitCode::conflict,
        fmt::format("the derived feed {} was used and dropped: starting it again would "
                    "give it two histories",
                    wanted.name),
        "choose another name, or leave --derive out");
  }
  return failed(made.error(), "creating the feed");
}

}  // namespace cip::node
