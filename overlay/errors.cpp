#include "overlay/errors.hpp"

#include <string>

namespace cip::overlay {
namespace {

const char* text(Errc code) {
  switch (code) {
    case Errc::nobody_announces:
      return "nobody announces this key";
    case Errc::no_node_answered:
      return "no node answered";
    case Errc::no_hello_answer:
      return "the peer does not answer";
    case Errc::hello_refused:
      return "the peer refused the hello";
    case Errc::cancelled:
      return "cancelled";
    case Errc::too_many_hellos:
      return "too many hellos at once";
    case Errc::too_many_punches:
      return "too many holepunches at once";
    case Errc::nat_unknown:
      return "too few nodes tell what the NATs between here and the peer do";
    case Errc::both_nats_random:
      return "both NATs change ports from peer to peer, so that no probe gets through";
    case Errc::punch_busy:
      return "another holepunch with a NAT that changes ports is under way";
    case Errc::punch_refused:
      return "the peer gave the holepunch up";
    case Errc::punch_unanswered:
      return "the peer does not answer by way of its relays";
    case Errc::punch_unheard:
      return "no probe of the peer came through the NATs";
    case Errc::no_such_topic:
      return "this node does not take part in the topic";
    case Errc::no_own_feed:
      return "the own feed of the topic is not open yet";
    case Errc::message_too_large:
      return "message above the limit of 1 MiB";
    case Errc::wrong_capability:
      return "the peer does not know the key of the feed it names";
    case Errc::never_reads:
      return "the peer never reads";
    case Errc::unasked_data:
      return "the peer sends feed data that nobody asked for";
    case Errc::own_key:
      return "has the key of this node: it is this node itself, or runs on a copy of its home";
    case Errc::not_allowed:
      return "this node is told not to connect to the peer";
    case Errc::too_many_streams:
      return "this node has too many streams";
  }
  return "unknown error";
}

class OverlayCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "overlay"; }
  std::string message(int code) const override { return text(static_cast<Errc>(code)); }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const OverlayCategory category;
  return {static_cast<int>(code), category};
}

}  // namespace cip::overlay
