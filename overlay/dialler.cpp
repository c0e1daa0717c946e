#include "overlay/dialler.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/machine.hpp"
#include "overlay/errors.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {
namespace {

// The peer knows a stream by its hello only from reading our answer on, which takes a longer way
// than a socket does.
constexpr Duration kDialBackDelay = std::chrono::milliseconds(500);

// Over UDX nothing says that a path leads nowhere: a peer that could be asked to dial is asked when
// this long nothing has come.
constexpr Duration kUdxPatience = std::chrono::seconds(2);

}  // namespace

Dialler::Dialler(Greeter& greeter, Swarm& swarm, CardReader& cards, Connections& connections,
                 UdxLinks& udx)
    : greeter_(greeter), swarm_(swarm), cards_(cards), connections_(connections), udx_(udx) {}

// --- Inputs ----------------------------------------------------------------------------------

bool Dialler::handle_event(Now now, const GreeterEvent& event) {
  if (const auto* done = std::get_if<HelloDone>(&event)) {
    if (!swarm_.is_mine(done->id)) return false;
    hello_done(now, *done);
  } else if (const auto* failed = std::get_if<HelloFailed>(&event)) {
    if (!swarm_.is_mine(failed->id)) return false;
    hello_failed(now, *failed);
  } else if (const auto* walk = std::get_if<WalkDone>(&event)) {
    return swarm_.is_mine(walk->id);
  } else if (const auto* request = std::get_if<DialBackRequested>(&event)) {
    dial_back(now, *request);
  } else if (const auto* expected = std::get_if<StreamExpected>(&event)) {
    expect(now, *expected);
  } else {
    return false;
  }
  return true;
}

bool Dialler::handle_event(Now now, const CardRead& read) {
  const auto mine = card_reads_.extract(read.id);
  if (mine.empty()) return false;
  if (read.candidates.empty()) {
    swarm_.attempt_failed(now, read.peer, mine.mapped());
  } else {
    dial_by_card(now, read);
  }
  return true;
}

void Dialler::handle_timeout(Now now) {
  // The peer was expected, and did not come. Why it could not be reached from here says more.
  std::map<HelloId, std::error_code> late;
  for (auto& [id, attempt] : attempts_) {
    if (attempt.next_dial && *attempt.next_dial <= now.mono) dial_next(now, attempt);
    if (!attempt.give_up || *attempt.give_up > now.mono) continue;
    const bool tried = attempt.last_error != Errc::no_hello_answer;
    late[id] = tried ? attempt.last_error : make_error_code(StreamErrc::handshake_timeout);
  }
  for (const auto& [id, error] : late) end_attempt(now, id, error);
}

void Dialler::stop(Now now) {
  stopped_ = true;
  for (const auto& [id, attempt] : std::exchange(attempts_, {})) release(now, attempt);
  for (const auto& [id, error] : std::exchange(card_reads_, {})) cards_.cancel(now, id);
}

std::optional<TimePoint> Dialler::next_timeout() const {
  Earliest next;
  for (const auto& [id, attempt] : attempts_) {
    next.consider(attempt.next_dial);
    next.consider(attempt.give_up);
  }
  return next.get();
}

// --- Attempts --------------------------------------------------------------------------------

void Dialler::hello_done(Now now, const HelloDone& done) {
  swarm_.hello_done(now, done);
  if (stopped_ || !swarm_.is_dialling(done.peer)) {
    greeter_.forget(now, done.id);
    return udx_.streams().destroy(now, done.udx.local_id);
  }
  Attempt attempt;
  attempt.hello = done.id;
  attempt.peer = done.peer;
  attempt.keys = done.keys;
  attempt.udx = done.udx;
  attempt.seen = done.server;
  attempt.left.assign(done.candidates.begin(), done.candidates.end());
  attempt.last_error = make_error_code(Errc::no_hello_answer);
  attempt.may_ask_back = !done.dial_back_asked && greeter_.offer().accepts_dial_back &&
                         (done.capabilities & kCapabilityReverseDial) != 0;
  if (done.dial_back_asked) attempt.give_up = now.mono + kPendingHelloLife;
  auto& added = attempts_[done.id] = std::move(attempt);
  if (added.left.empty() && !added.give_up) {
    end_attempt(now, done.id, added.last_error);
  } else {
    dial_next(now, added);
  }
}

// Whom no hello reaches may have stored a contact card.
void Dialler::hello_failed(Now now, const HelloFailed& failed) {
  if (stopped_ || !swarm_.await_card(failed)) return swarm_.hello_failed(now, failed);
  card_reads_[cards_.read(now, failed.peer)] = failed.error;
}

void Dialler::dial_by_card(Now now, const CardRead& read) {
  if (!swarm_.is_dialling(read.peer)) return;  // it has come by itself, or is not wanted any more
  ++cards_read_;
  Attempt attempt;
  attempt.hello = next_card_attempt_++;
  attempt.peer = read.peer;
  attempt.by_card = true;
  attempt.left.assign(read.candidates.begin(), read.candidates.end());
  dial_next(now, attempts_[attempt.hello] = std::move(attempt));
}

// A peer that greeted us cannot reach what we offered: we dial, as the responder of its hello.
void Dialler::dial_back(Now now, const DialBackRequested& request) {
  if (stopped_ || request.candidates.empty()) return;
  auto& attempt = attempt_of(now, request.id, request.keys);
  attempt.left.insert(attempt.left.end(), request.candidates.begin(), request.candidates.end());
}

Dialler::Attempt& Dialler::attempt_of(Now now, HelloId hello, const BoundKeys& keys) {
  auto& attempt = attempts_[hello];
  attempt.hello = hello;
  attempt.peer = keys.peer;
  attempt.keys = keys;
  attempt.next_dial = now.mono + kDialBackDelay;
  return attempt;
}

// A cipnode that greeted us may call its end, or not, or is called: a NAT keeps it out. A stock
// peer has no other stream.
void Dialler::expect(Now now, const StreamExpected& expected) {
  if (!expected.keys.of_stock) {
    if (stopped_ || !expected.udx.calls) return udx_.await(now, expected.udx);
    auto& attempt = attempt_of(now, expected.id, expected.keys);
    attempt.udx = expected.udx;
    attempt.left.push_back(expected.from);
    return;
  }
  Opening how;
  how.keys = expected.keys;
  how.udx = expected.udx;
  const bool taken = !stopped_ && connections_.expect(now, expected.from, expected.id, how);
  if (!taken) udx_.streams().destroy(now, expected.udx.local_id);
}

void Dialler::dial_next(Now now, Attempt& attempt) {
  attempt.next_dial.reset();
  if (attempt.chosen || attempt.left.empty()) return;
  const auto to = attempt.left.front();
  attempt.left.pop_front();
  Opening how;
  if (attempt.by_card) {
    how.expected = attempt.peer;
  } else {
    how.keys = attempt.keys;
    how.udx = attempt.udx;
  }
  auto& connection = connections_.open(now, to, std::move(how));
  connection.hello = attempt.hello;
  attempt.dialled.insert(connection.info.conn);
  if (!attempt.left.empty()) attempt.next_dial = now.mono + kDialSpacing;
  hurry(now, attempt);
}

// Bounds the wait for links over UDX when no other is left. A holepunch says itself how it ends.
void Dialler::hurry(Now now, Attempt& attempt) {
  if (attempt.udx.punch || !attempt.may_ask_back || attempt.give_up || !attempt.left.empty())
    return;
  const bool only_udx = std::ranges::all_of(attempt.dialled, [this](ConnId conn) {
    const auto* connection = connections_.table().find(conn);
    return connection == nullptr || connection->info.remote.kind == LinkKind::udx;
  });
  if (only_udx) attempt.give_up = now.mono + kUdxPatience;
}

// The end of a stream that was never called.
void Dialler::release(Now now, const Attempt& attempt) {
  const bool is_left = std::ranges::any_of(
      attempt.left, [](const auto& each) { return each.kind == LinkKind::udx; });
  if (is_left) udx_.streams().destroy(now, attempt.udx.local_id);
}

void Dialler::handle_lost(Now now, const Connection& connection, std::error_code error) {
  const auto found = attempts_.find(connection.hello);
  if (found == attempts_.end() || found->second.chosen) return;
  auto& attempt = found->second;
  if (attempt.dialled.erase(connection.info.conn) == 0) return;
  attempt.last_error = error;
  if (!attempt.left.empty()) return dial_next(now, attempt);
  if (attempt.dialled.empty() && !attempt.give_up) return end_attempt(now, attempt.hello, error);
  hurry(now, attempt);
}

// Nothing came of it. If the peer may be able to reach us, it is asked to, by a new hello.
void Dialler::end_attempt(Now now, HelloId id, std::error_code error) {
  const auto node = attempts_.extract(id);
  if (node.empty()) return;
  const auto& attempt = node.mapped();
  greeter_.forget(now, id);
  release(now, attempt);
  for (const auto conn : attempt.dialled) {
    if (auto* connection = connections_.table().find(conn)) {
      connections_.table().doom(*connection, error, "attempt ended");
    }
  }
  if (attempt.keys.role == Role::responder) return;
  if (attempt.may_ask_back && swarm_.ask_back(now, attempt.peer, attempt.seen)) return;
  swarm_.attempt_failed(now, attempt.peer, error);
}

void Dialler::handle_proven(Now now, Connection& connection) {
  const auto hello = connection.stream->hello().value_or(0);
  const auto found = attempts_.find(hello);
  if (found == attempts_.end() || found->second.chosen) {
    return connections_.table().doom(connection, make_error_code(StreamErrc::not_chosen),
                                     "not chosen");
  }
  found->second.chosen = true;
  connection.hello = hello;
  connection.stream->choose(now);
}

void Dialler::handle_opened(Now now, const Connection& kept) {
  greeter_.forget(now, kept.hello);
  if (const auto attempt = attempts_.extract(kept.hello); !attempt.empty()) {
    release(now, attempt.mapped());
  }
  for (const auto& [conn, connection] : connections_.table().all()) {
    if (connection.get() == &kept || connection->is_open) continue;
    const bool same = connection->hello == kept.hello ||
                      (connection->stream && connection->stream->hello() == kept.hello);
    if (same)
      connections_.table().doom(*connection, make_error_code(StreamErrc::not_chosen), "not chosen");
  }
}

}  // namespace cip::overlay
