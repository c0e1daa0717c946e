#include "node/continuation.hpp"

#include <algorithm>

#include "node/json_rpc.hpp"
#include "node/operation.hpp"

namespace cip::node {

namespace {

constexpr const char* kSubscribe = "subscribe";
constexpr const char* kFollow = "feed.follow";
constexpr const char* kCat = "feed.cat";
constexpr const char* kSeed = "feed.seed";
constexpr const char* kPublish = "publish";
constexpr const char* kAppend = "feed.append";

// In base64 well below kMaxFrameSize; what a block has at most is more than that.
constexpr std::size_t kRestPiece = 1024 * 1024;

}  // namespace

void hand_on(Output& out, Json position, ByteView rest) {
  for (; rest.size() > kRestPiece; rest = rest.subspan(kRestPiece)) {
    out.position({{"rest", to_base64(rest.first(kRestPiece))}, {"more", true}});
  }
  position["rest"] = to_base64(rest);
  out.position(position);
}

void Continuation::note_result(const Json& object) {
  Params fields(object);
  if (request_.method == kSubscribe) {
    // A message, or that some are missing.
    if (const auto to = fields.number("to")) after_[fields.text("feed")] = *to + 1;
    const auto seq = fields.number("seq");
    if (!seq) return;
    after_[fields.text("feed")] = *seq + 1;
  }
  ++results_;
  if (request_.method == kFollow) {
    if (const auto index = fields.number("index")) from_ = *index + 1;
  }
  if (request_.method == kSeed && fields.text("event") == "ready") ready_ = object;
}

void Continuation::note_position(const Json& position) {
  Params fields(position);
  if (const auto from = fields.number("from")) from_ = *from;
  if (fields.has("rest")) {
    append(coming_rest_, from_base64(fields.text("rest")).value_or(Bytes{}));
    if (!fields.flag("more")) rest_ = std::exchange(coming_rest_, {});
  }
  appended_ = fields.number("appended").value_or(appended_);
  appended_bytes_ = fields.number("bytes").value_or(appended_bytes_);
  const auto after = position.is_object() ? position.value("after", Json::object()) : Json();
  if (!after.is_object()) return;
  for (const auto& [feed, seq] : after.items()) {
    if (seq.is_number_unsigned()) after_[feed] = seq.get<std::uint64_t>();
  }
}

bool Continuation::is_repeated(const Json& object) const {
  return request_.method == kSeed && !ready_.is_null() && object == ready_;
}

bool Continuation::is_complete() const {
  const auto count = Params(request_.params).number("count");
  return request_.method == kSubscribe && count && results_ >= *count;
}

std::optional<Request> Continuation::next(Duration passed) const {
  auto next = request_;
  if (request_.method == kSubscribe) {
    next = go_on_subscribing(passed);
  } else if (request_.method == kFollow) {
    if (from_) next.params["from"] = *from_;
  } else if (request_.method == kCat) {
    next.params["skipBytes"] = bytes_;
  } else if (request_.method == kSeed) {
    // Whoever was told the address finds it there again.
    if (ready_.is_object()) next.params["listen"] = ready_.value("tcp", "");
  } else if (request_.method == kAppend) {
    if (appended_ > 0) next.params["hadBlocks"] = appended_;
    if (appended_bytes_ > 0) next.params["hadBytes"] = appended_bytes_;
  } else if (request_.method != kPublish && results_ + bytes_ > 0) {
    return std::nullopt;
  }
  if (const auto timeout = Params(next.params).duration("timeoutMs");
      timeout && *timeout > Duration::zero()) {
    next.params["timeoutMs"] = std::max(1.0, to_ms(*timeout - passed));
  }
  return next;
}

Request Continuation::go_on_subscribing(Duration passed) const {
  auto next = request_;
  next.params["after"] = Json::object();
  for (const auto& [feed, seq] : after_) next.params["after"][feed] = seq;
  next.params["begunMs"] = to_ms(passed);
  if (const auto count = Params(request_.params).number("count")) {
    next.params["count"] = *count - std::min(*count, results_);
  }
  return next;
}

}  // namespace cip::node
