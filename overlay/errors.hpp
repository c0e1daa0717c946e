#pragma once

// What can go wrong above the DHT: hellos, topics, feeds, who is not wanted. What a peer did wrong
// ends its stream with one of these or of transport/errors.hpp; they are counted by reason and
// never fatal.

#include <system_error>

namespace cip::overlay {

enum class Errc {
  // Hellos
  nobody_announces = 1,  // nodes answered, none of them knows the peer
  no_node_answered,      // nobody to ask, or nobody answered
  no_hello_answer,       // relays were found, the peer behind them does not answer
  hello_refused,         // the peer answered with an error
  cancelled,             // the owner took it back
  too_many_hellos,       // a bound of this node is reached
  // Holepunching
  too_many_punches,  // a bound of this node is reached
  nat_unknown,       // too few nodes tell what the NAT of one side does
  both_nats_random,  // both change the port for each peer: no probe can meet
  punch_busy,        // one side punches with such a NAT already
  punch_refused,     // the peer cannot, or will not
  punch_unanswered,  // no answer by way of the relays
  punch_unheard,     // no probe of the peer came through
  // Topics
  no_such_topic,      // not taken part in here
  no_own_feed,        // the own feed of the topic is not open yet
  message_too_large,  // above kMaxTopicMessage
  // Feeds
  wrong_capability,  // the other side does not know the key of the feed it names
  never_reads,       // it lets everything wait for ever
  unasked_data,      // it sends feed data that nobody asked for
  // Who is not wanted (HubOptions)
  own_key,           // this node itself
  not_allowed,       // join --allow, --deny
  too_many_streams,  // kMaxStreams
};

std::error_code make_error_code(Errc code);

}  // namespace cip::overlay

template <>
struct std::is_error_code_enum<cip::overlay::Errc> : std::true_type {};
