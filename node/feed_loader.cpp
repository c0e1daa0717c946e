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

std::optional<KeyPair> signer_of(const store::RingKey& ring, const Bytes32& primary_key) {
  if (ring.dropped) return std::nullopt;
  if (ring.seed) return make_key_pair(*ring.seed);
  if (!ring.derived_name.empty()) {
    return derive_key_pair(primary_key, Bytes32{}, ring.derived_name);
  }
  return std::nullopt;
}

Outcome<LoadedFeed> load_record(store::Backend& backend, store::FeedRecord record,
                                const Bytes32& primary_key) {
  const auto what = fmt::format("opening the feed {}", to_z32(record.key));
  const auto ring = backend.find_ring_key(record.key);
  if (!ring) return failed(ring.error(), what);
  auto state = backend.load_feed(record.number);
  if (!state) return failed(state.error(), what);
  LoadedFeed loaded{std::move(record), std::nullopt, std::nullopt, std::nullopt};
  auto feed = store::Feed::open(std::move(*state));
  if (!feed) return failed(feed.error(), what);
  if (*ring) {
    loaded.signer = signer_of(**ring, primary_key);
    if ((*ring)->encryption_key) {
      loaded.cipher.emplace(store::derive_block_key(loaded.record.key, *(*ring)->encryption_key,
                                                    loaded.record.compat));
    }
  }
  loaded.feed.emplace(std::move(*feed));
  return loaded;
}

Outcome<store::FeedRecord> new_record(store::Backend& backend, const FeedQuery& query,
                                      const Bytes32& key) {
  store::FeedRecord record;
  record.key = key;
  record.disk_class = query.disk_class;
  record.encrypted = query.encryption_key.has_value();
  record.topic = query.topic;
  auto created = backend.create_feed(record);
  if (!created) return failed(created.error(), "adding the feed");
  return *created;
}

// Finds the record, or makes it for a key that is new here.
Outcome<store::FeedRecord> find_record(store::Backend& backend, const FeedQuery& query) {
  const auto name =
      query.key ? FeedName{query.key, {}} : parse_feed_name(query.text).value_or(FeedName{});
  if (!name.name.empty()) {
    auto found = backend.find_feed_by_name(name.name);
    if (found) return *found;
    if (found.error() != store::Errc::not_found) return failed(found.error(), "finding the feed");
    return fail_with(ExitCode::not_found, fmt::format("no feed here is called {}", name.name),
                     "see them with: cipnode feed ls; a feed of others is named by its key");
  }
  if (!name.key) return tl::unexpected(parse_feed_name(query.text).error());
  auto found = backend.find_feed_by_key(*name.key);
  if (found) return *found;
  if (found.error() != store::Errc::not_found) return failed(found.error(), "finding the feed");
  if (query.create) return new_record(backend, query, *name.key);
  return fail_with(ExitCode::not_found, fmt::format("the feed {} is not here", shown(query)),
                   "fetch it with: cipnode feed download KEY");
}

Outcome<void> keep_encryption_key(store::Backend& backend, const store::FeedRecord& record,
                                  const Bytes32& encryption_key) {
  auto ring = backend.find_ring_key(record.key);
  if (!ring) return failed(ring.error(), "reading the key ring");
  auto entry = ring->value_or(store::RingKey{});
  entry.key = record.key;
  if (entry.encryption_key == encryption_key) return {};
  entry.encryption_key = encryption_key;
  if (const auto put = backend.put_ring_key(entry); !put) {
    return failed(put.error(), "writing the key ring");
  }
  return {};
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

Outcome<LoadedFeed> load_feed(store::Backend& backend, const FeedQuery& query,
                              const Bytes32& primary_key) {
  auto record = find_record(backend, query);
  if (!record) return tl::unexpected(record.error());
  if (query.encryption_key) {
    auto kept = keep_encryption_key(backend, *record, *query.encryption_key);
    if (!kept) return tl::unexpected(kept.error());
  }
  return load_record(backend, std::move(*record), primary_key);
}

Outcome<LoadedFeed> create_feed(store::Backend& backend, const NewFeed& wanted,
                                const Bytes32& primary_key, const Seed& seed,
                                const Bytes32& encryption_key, UnixMillis created) {
  const auto key_pair =
      wanted.derived ? derive_key_pair(primary_key, Bytes32{}, wanted.name) : make_key_pair(seed);
  const auto manifest = store::single_signer_manifest(key_pair.public_key);
  store::FeedRecord record;
  record.key = wanted.compat ? key_pair.public_key : store::manifest_key(manifest);
  record.name = wanted.name;
  record.disk_class = store::DiskClass::own;
  record.writable = true;
  record.compat = wanted.compat;
  record.is_private = wanted.is_private;
  record.encrypted = wanted.encrypted;
  record.topic = wanted.topic;
  record.created = created;

  store::RingKey ring;
  ring.key = record.key;
  if (wanted.derived) {
    ring.derived_name = wanted.name;
  } else {
    ring.seed = seed;
  }
  if (wanted.encrypted) ring.encryption_key = encryption_key;

  const auto before = backend.find_ring_key(record.key);
  if (!before) return failed(before.error(), "reading the key ring");
  if (*before && (*before)->dropped) {
    return fail_with(
        ExitCode::conflict,
        fmt::format("the derived feed {} was used and dropped: starting it again would "
                    "give it two histories",
                    wanted.name),
        "choose another name, or leave --derive out");
  }
  auto made =
      backend.create_feed(record, wanted.compat ? std::nullopt : std::optional(manifest), ring);
  if (made) return load_record(backend, std::move(*made), primary_key);
  if (made.error() == store::Errc::exists) {
    return fail_with(ExitCode::conflict,
                     fmt::format("a feed called {} exists already", wanted.name),
                     "choose another name; see them with: cipnode feed ls");
  }
  return failed(made.error(), "creating the feed");
}

}  // namespace cip::node
