#include "overlay/reply_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::overlay {

void ReplyQueue::push(RequestMessage request) {
  if (!ids_.insert(request.id, {})) {
    cancel(request.id);
    ids_.insert(request.id, {});
  }
  Entry entry;
  entry.request = std::move(request);
  if (entry.request.priority == 0) {
    entries_.push_back(std::move(entry));
  } else {
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(begun_), std::move(entry));
  }
}

void ReplyQueue::cancel(std::uint64_t id) {
  if (!ids_.erase(id)) return;
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.request.id == id && !entry.cancelled;
  });
  CIP_ASSERT(found != entries_.end());
  if (found - entries_.begin() < static_cast<std::ptrdiff_t>(begun_)) {
    found->cancelled = true;
  } else {
    entries_.erase(found);
  }
}

const RequestMessage* ReplyQueue::next_waiting() const {
  return begun_ < entries_.size() ? &entries_[begun_].request : nullptr;
}

void ReplyQueue::begin(store::Ticket ticket) {
  CIP_ASSERT(begun_ < entries_.size());
  CIP_ASSERT(ticket > last_ticket_);
  last_ticket_ = entries_[begun_++].ticket = ticket;
}

void ReplyQueue::answer(FeedMessage type, Bytes message, TimePoint due) {
  CIP_ASSERT(begun_ < entries_.size());
  auto& entry = entries_[begun_++];
  entry.ticket = last_ticket_;
  entry.ready = true;
  entry.due = due;
  entry.reply = {type, std::move(message)};
}

const RequestMessage* ReplyQueue::find(store::Ticket ticket) const {
  const auto* entry = const_cast<ReplyQueue*>(this)->find_entry(ticket);
  return entry != nullptr && !entry->cancelled ? &entry->request : nullptr;
}

bool ReplyQueue::finish(store::Ticket ticket, FeedMessage type, Bytes message, TimePoint due) {
  auto* entry = find_entry(ticket);
  if (entry == nullptr) return false;
  entry->ready = true;
  entry->due = due;
  if (!entry->cancelled) entry->reply = {type, std::move(message)};
  return true;
}

std::optional<ReplyQueue::Reply> ReplyQueue::pop(TimePoint now) {
  while (begun_ > 0) {
    auto& front = entries_.front();
    if (!front.ready || (!front.cancelled && front.due > now)) return std::nullopt;
    std::optional<Reply> reply;
    if (!front.cancelled) {
      ids_.erase(front.request.id);
      reply = std::move(front.reply);
    }
    entries_.pop_front();
    --begun_;
    if (reply) return reply;
  }
  return std::nullopt;
}

std::optional<TimePoint> ReplyQueue::next_due() const {
  if (begun_ == 0 || !entries_.front().ready) return std::nullopt;
  return entries_.front().due;
}

ReplyQueue::Entry* ReplyQueue::find_entry(store::Ticket ticket) {
  if (begun_ == 0) return nullptr;
  // Where nobody else is served, tickets have no gaps.
  if (const auto place = ticket - entries_.front().ticket; place < begun_) {
    auto& entry = entries_[static_cast<std::size_t>(place)];
    if (entry.ticket == ticket && !entry.ready) return &entry;
  }
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(begun_);
  const auto found = std::lower_bound(entries_.begin(), end, ticket,
                                      [](const Entry& entry, auto t) { return entry.ticket < t; });
  return found != end && found->ticket == ticket && !found->ready ? &*found : nullptr;
}

}  // namespace cip::overlay
