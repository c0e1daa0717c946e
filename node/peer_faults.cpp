#include "node/peer_faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <asio/error.hpp>

#include "base/machine.hpp"
#include "base/text.hpp"
#include "node/feed_library.hpp"
#include "node/participant.hpp"
#include "overlay/errors.hpp"
#include "overlay/transport/errors.hpp"
#include "store/errors.hpp"

namespace cip::node {

namespace {

// Peers that are named in one message.
constexpr std::size_t kMaxTold = 3;
// Faults that are remembered; a lookup may name many peers.
constexpr std::size_t kMaxFaults = 64;

// What says most of why nothing came.
int weight(ExitCode code) {
  switch (code) {
    case ExitCode::corrupt:
      return 6;
    case ExitCode::refused:
      return 5;
    case ExitCode::incompatible:
      return 4;
    case ExitCode::not_found:
      return 3;
    case ExitCode::busy:
      return 2;
    case ExitCode::no_route:
      return 1;
    default:
      return 0;
  }
}

bool is_misdeed(const PeerFault& fault) { return weight(fault.code) > weight(ExitCode::not_found); }

std::string hint_of(ExitCode code) {
  switch (code) {
    case ExitCode::corrupt:
      return "nothing wrong was kept; fetch from another peer";
    case ExitCode::refused:
      return "check the key of the feed and the address of the peer, and that it lets this node in "
             "(join --allow, --deny)";
    case ExitCode::incompatible:
      return "check the address, and the version of the program there";
    default:
      return "check that one of its holders is online and can be dialled";
  }
}

PeerFault of_store(store::Errc code, PeerFault fault, const std::string& message) {
  switch (code) {
    case store::Errc::hash_mismatch:
    case store::Errc::invalid_proof:
      fault.code = ExitCode::corrupt;
      fault.text = "sent wrong data: " + message;
      break;
    case store::Errc::invalid_signature:
    case store::Errc::wrong_manifest:
      fault.code = ExitCode::refused;
      fault.text = "sent what the author of the feed did not sign: " + message;
      break;
    case store::Errc::not_available:
      fault.code = ExitCode::not_found;
      fault.text = "does not give the blocks that it says to have";
      break;
    default:
      fault.code = ExitCode::ok;
  }
  return fault;
}

PeerFault of_stream(overlay::StreamErrc code, PeerFault fault, const std::string& message) {
  using overlay::StreamErrc;
  fault.text = message;
  switch (code) {
    case StreamErrc::bad_handshake:
    case StreamErrc::bad_point:
    case StreamErrc::unexpected_frame:
    case StreamErrc::frame_too_large:
    case StreamErrc::malformed_message:
    case StreamErrc::bad_channel_number:
    case StreamErrc::too_much_buffered:
      fault.code = ExitCode::incompatible;
      fault.text = "speaks another protocol, or another version of it: " + message;
      break;
    case StreamErrc::bad_frame:
      fault.code = ExitCode::corrupt;
      break;
    case StreamErrc::unknown_stream:
    case StreamErrc::wrong_stream_id:
    case StreamErrc::wrong_proof:
    case StreamErrc::wrong_peer:
      fault.code = ExitCode::refused;
      break;
    case StreamErrc::handshake_timeout:
    case StreamErrc::peer_silent:
    case StreamErrc::ended:
      fault.code = ExitCode::no_route;
      break;
    case StreamErrc::not_chosen:
      fault.code = ExitCode::ok;
  }
  return fault;
}

PeerFault of_overlay(overlay::Errc code, PeerFault fault, const std::string& message) {
  using overlay::Errc;
  fault.text = message;
  switch (code) {
    case Errc::hello_refused:
    case Errc::wrong_capability:
    case Errc::unasked_data:
    case Errc::own_key:
    case Errc::not_allowed:
      fault.code = ExitCode::refused;
      break;
    case Errc::too_many_streams:
    case Errc::too_many_punches:
      fault.code = ExitCode::busy;
      break;
    case Errc::no_hello_answer:
    case Errc::never_reads:
    case Errc::nat_unknown:
    case Errc::both_nats_random:
    case Errc::punch_busy:
    case Errc::punch_refused:
    case Errc::punch_unanswered:
    case Errc::punch_unheard:
      fault.code = ExitCode::no_route;
      break;
    default:
      fault.code = ExitCode::ok;
  }
  return fault;
}

}  // namespace

bool is_closed_by_peer(std::error_code error) {
  return error == overlay::StreamErrc::ended || error == asio::error::eof ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe;
}

PeerFault fault_from(std::error_code error, std::string peer) {
  PeerFault fault{std::move(peer), ExitCode::no_route, error.message()};
  if (!error) return {fault.peer, ExitCode::ok, {}};
  const std::string_view category = error.category().name();
  if (category == "store") {
    return of_store(static_cast<store::Errc>(error.value()), std::move(fault), error.message());
  }
  if (category == "stream") {
    return of_stream(static_cast<overlay::StreamErrc>(error.value()), std::move(fault),
                     error.message());
  }
  if (category == "overlay") {
    return of_overlay(static_cast<overlay::Errc>(error.value()), std::move(fault), error.message());
  }
  return fault;  // of the system: refused, unreachable, timed out
}

PeerFaults::PeerFaults(Daemon& daemon, const Bytes32& target, const std::vector<std::string>& peers,
                       std::function<void(const PeerFault&)> on_let_go)
    : daemon_(daemon), target_(target), on_let_go_(std::move(on_let_go)) {
  for (const auto& peer : peers) {
    if (const auto endpoint = parse_endpoint(peer)) named_.insert(*endpoint);
  }
  listening_ = daemon_.participant().hub_events.listen(
      [this](const overlay::HubEvent& event) { handle(event); });
}

void PeerFaults::handle(const overlay::FeedNews& news) {
  if (const auto* joined = std::get_if<overlay::FeedPeerJoined>(&news.what)) {
    joined_.insert(joined->conn);
    names_[joined->conn] = name_of(joined->conn);
  } else if (const auto* left = std::get_if<overlay::FeedPeerLeft>(&news.what)) {
    answered_.insert(left->conn);
  } else if (const auto* refused = std::get_if<overlay::FeedRefused>(&news.what)) {
    answered_.insert(refused->conn);
  } else if (const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what)) {
    const auto* rejected = std::get_if<overlay::PeerRejected>(event);
    if (!rejected) return;
    if (store::blames_peer(rejected->reason)) ++lies_;
    joined_.erase(rejected->conn);
    answered_.insert(rejected->conn);
    const auto known = names_.find(rejected->conn);
    note(fault_from(rejected->reason,
                    known != names_.end() ? known->second : name_of(rejected->conn)));
  }
}

void PeerFaults::handle(const overlay::HubEvent& event) {
  const Overloaded take{[this](const overlay::DialFailed& failed) {
                          if (!named_.contains(failed.to.address)) return;
                          auto fault = fault_from(failed.error, to_string(failed.to.address));
                          if (is_closed_by_peer(failed.error)) {
                            fault.text = "closed the connection during the handshake";
                          }
                          note(std::move(fault));
                        },
                        [this](const overlay::StreamDown& down) { stream_down(down); },
                        [this](const overlay::SwarmEvent& swarm) { handle(swarm); },
                        [](const auto&) {}};
  std::visit(take, event);
}

void PeerFaults::handle(const overlay::SwarmEvent& event) {
  if (const auto* found = std::get_if<overlay::CandidateFound>(&event)) {
    if (found->target == target_) candidates_.insert(found->peer);
  } else if (const auto* failed = std::get_if<overlay::AttemptFailed>(&event)) {
    if (candidates_.contains(failed->peer)) note(fault_from(failed->error, to_z32(failed->peer)));
  }
}

// Who closes without a word about the feed does not want this node.
void PeerFaults::stream_down(const overlay::StreamDown& down) {
  const auto& stream = down.stream;
  const bool has_joined = joined_.erase(stream.conn) > 0;
  const bool has_answered = answered_.erase(stream.conn) > 0 || has_joined;
  const bool is_ours =
      has_joined || named_.contains(stream.remote.address) || candidates_.contains(stream.peer);
  if (!is_ours || !down.error) return;
  auto fault = fault_from(down.error, to_string(stream.remote.address));
  if (is_closed_by_peer(down.error) && !has_answered) {
    fault.code = ExitCode::refused;
    fault.text = "closed the stream at once: it does not let this node in";
  } else if (is_closed_by_peer(down.error)) {
    fault.text = "ended the stream";
  } else if (down.error == overlay::StreamErrc::peer_silent) {
    fault.text = "fell silent: nothing came from it for 30 s";
  }
  note(std::move(fault));
}

// A peer's misdeed is not forgotten over the end of its stream that follows.
void PeerFaults::note(PeerFault fault) {
  if (fault.code == ExitCode::ok) return;
  const auto known = std::ranges::find(faults_, fault.peer, &PeerFault::peer);
  if (known == faults_.end()) {
    if (faults_.size() == kMaxFaults) faults_.erase(faults_.begin());
    if (is_misdeed(fault)) on_let_go_(fault);
    faults_.push_back(std::move(fault));
  } else if (weight(fault.code) >= weight(known->code)) {
    if (is_misdeed(fault) && known->text != fault.text) on_let_go_(fault);
    *known = std::move(fault);
  }
}

std::string PeerFaults::name_of(overlay::ConnId conn) const {
  for (const auto& status : daemon_.participant().hub().streams()) {
    if (status.stream.conn == conn) return to_string(status.stream.remote.address);
  }
  return "a peer";
}

Error PeerFaults::explain(Error verdict) const {
  if (faults_.empty()) return verdict;
  auto told = faults_;
  std::ranges::stable_sort(told, std::greater{},
                           [](const auto& fault) { return weight(fault.code); });
  std::string list;
  for (std::size_t i = 0; i < told.size() && i < kMaxTold; ++i) {
    list += fmt::format("{}{} {}", i > 0 ? "; " : "", told[i].peer, told[i].text);
  }
  if (told.size() > kMaxTold) list += fmt::format("; and {} more peers", told.size() - kMaxTold);
  // While others are there, it is they for whom nothing more comes.
  if (!joined_.empty() || weight(told.front().code) <= weight(verdict.code)) {
    verdict.message += ": " + list;
    return verdict;
  }
  return {told.front().code, "no peer gave what was asked for: " + list,
          hint_of(told.front().code)};
}

}  // namespace cip::node
