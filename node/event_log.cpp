#include "node/event_log.hpp"

#include "base/machine.hpp"
#include "base/text.hpp"
#include "node/log.hpp"

namespace cip::node {

namespace {

// Enough of a key or target to tell it from others.
std::string short_of(ByteView bytes) {
  return to_hex(bytes.first(std::min<std::size_t>(8, bytes.size())));
}

void log_feed(const overlay::FeedNews& news) {
  const Overloaded take{
      [&](const overlay::FeedPeerJoined&) {
        log(Floor::overlay, LogLevel::debug, "a peer exchanges feed {} with this node", news.feed);
      },
      [&](const overlay::FeedPeerLeft&) {
        log(Floor::overlay, LogLevel::debug, "a peer no longer exchanges feed {}", news.feed);
      },
      [&](const overlay::FeedRefused&) {
        log(Floor::overlay, LogLevel::debug, "a peer does not have feed {}", news.feed);
      },
      [](const auto&) {}};
  std::visit(take, news.what);
}

void log_swarm(const overlay::SwarmEvent& event) {
  const Overloaded take{[](const overlay::LookupEnded& ended) {
                          log(Floor::overlay, LogLevel::debug, "lookup of {} ended: {} peers{}{}",
                              short_of(ended.target), ended.peers, ended.error ? ", " : "",
                              ended.error ? ended.error.message() : "");
                        },
                        [](const overlay::CandidateFound& found) {
                          log(Floor::overlay, LogLevel::debug, "found peer {} for {}",
                              to_z32(found.peer), short_of(found.target));
                        },
                        [](const overlay::AttemptFailed& failed) {
                          log(Floor::overlay, LogLevel::debug, "peer {} cannot be reached: {}",
                              to_z32(failed.peer), failed.error.message());
                        }};
  std::visit(take, event);
}

}  // namespace

void log_event(const dht::Event& event) {
  const Overloaded take{
      [](const dht::Ready& ready) {
        log(Floor::dht, LogLevel::debug, "the first walk is over: {}",
            ready.reached ? "others answered" : "nobody answered");
      },
      [](const dht::QueryReply& reply) {
        log(Floor::dht, LogLevel::debug, "{} answered with a value after {:.1f} ms",
            reply.local ? "this node itself" : to_string(reply.from),
            static_cast<double>(reply.rtt.count()) / 1000);
      },
      [](const dht::QueryDone& done) {
        log(Floor::dht, LogLevel::debug,
            "walk to {} ended: {} asked, {} answered, {} silent, {} stored it, {:.1f} ms{}{}",
            short_of(done.target), done.requests, done.answers, done.timeouts, done.stored.size(),
            static_cast<double>(done.took.count()) / 1000, done.error ? ", " : "",
            done.error ? done.error.message() : "");
      },
      [](const dht::HelloReply& reply) {
        log(Floor::dht, LogLevel::debug, "a hello was answered by way of {}",
            to_string(reply.from));
      },
      [](const dht::HelloFailed& failed) {
        log(Floor::dht, LogLevel::debug, "a hello to {} failed: {}", to_string(failed.from),
            failed.error.message());
      },
      [](const auto&) {}};
  std::visit(take, event);
}

void log_event(const overlay::HubEvent& event) {
  const Overloaded take{[](const overlay::StreamUp& up) {
                          log(Floor::overlay, LogLevel::debug, "stream with {} at {} is up ({})",
                              to_z32(up.stream.peer), to_string(up.stream.remote.address),
                              up.stream.outgoing ? "dialled" : "accepted");
                        },
                        [](const overlay::StreamDown& down) {
                          log(Floor::overlay, LogLevel::debug, "stream with {} at {} ended: {}",
                              to_z32(down.stream.peer), to_string(down.stream.remote.address),
                              down.reason);
                        },
                        [](const overlay::DialFailed& failed) {
                          log(Floor::overlay, LogLevel::debug, "dialling {} failed: {}",
                              to_string(failed.to.address), failed.error.message());
                        },
                        [](const overlay::FeedNews& news) { log_feed(news); },
                        [](const overlay::SwarmEvent& swarm) { log_swarm(swarm); },
                        [](const overlay::CardRead&) {
                          log(Floor::overlay, LogLevel::debug, "a contact card was read");
                        },
                        [](const auto&) {}};
  std::visit(take, event);
}

}  // namespace cip::node
