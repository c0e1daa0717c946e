#include "node/feed_loader.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

// Longer names are a paste gone wrong.
constexpr std::size_t kMaxFeedName = 255;

std::string shown(const FeedQuery& query) { return query.key ? to_z32(*query.key) : query.text; }

// What is missing says what to do.
Error not_here(const FeedQuery& query, const FeedName& name) {
  if (name.key) {
    return {ExitCode::not_found, fmt::format("the feed {} is not here", shown(query)),
            "fetch it with: cipnode feed download KEY"};
  }
  return {ExitCode::not_found, fmt::format("no feed here is called {}", name.name),
          "see them with: cipnode feed ls; a feed of others is named by its key"};
}

Outcome<FeedName> name_in(const FeedQuery& query) {
  return query.key ? FeedName{query.key, {}} : parse_feed_name(query.text);
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

Outcome<store::OpenFeedOp> open_feed_op(const FeedQuery& query, const Bytes32& primary_key) {
  auto name = name_in(query);
  if (!name) return tl::unexpected(name.error());
  return store::OpenFeedOp{primary_key,      name->key,   std::move(name->name), query.create,
                           query.disk_class, query.topic, query.encryption_key};
}

Error open_error(const FeedQuery& query, std::error_code reason) {
  if (reason == store::Errc::wrong_encryption_key) {
    return {ExitCode::refused, "this home knows another encryption key of the feed",
            "read it without --encryption-key-file: the key that is known is used"};
  }
  if (reason == store::Errc::not_encrypted) {
    return {ExitCode::refused, "the feed is one of this home and is not encrypted",
            "read it without --encryption-key-file"};
  }
  const auto name = name_in(query);
  if (name && reason == store::Errc::not_found) return not_here(query, *name);
  return error_from(reason, fmt::format("opening the feed {}", shown(query)));
}

Error create_error(const store::NewWriter& wanted, std::error_code reason) {
  if (reason == store::Errc::exists) {
    return {ExitCode::conflict, fmt::format("a feed called {} exists already", wanted.name),
            "choose another name; see them with: cipnode feed ls"};
  }
  if (reason == store::Errc::spent_name) {
    return {ExitCode::conflict,
            fmt::format("the derived feed {} was used and dropped: starting it again would "
                        "give it two histories",
                        wanted.name),
            "choose another name, or leave --derive out"};
  }
  return error_from(reason, "creating the feed");
}

}  // namespace cip::node
