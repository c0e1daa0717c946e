#include <utility>

#include "store/feed_machine.hpp"

namespace cip::store {

Ticket Feed::Machine::seek(std::uint64_t offset, std::uint64_t padding) {
  const auto ticket = ++last_ticket_;
  run(SeekJob{ticket, offset, padding, {}});
  return ticket;
}

// Walks down from the roots (feeds.md 8.2, locating a byte offset). A node that is held but not at
// hand is read, and the walk begins anew: one read for each level at most.
void Feed::Machine::run(SeekJob&& job) {
  const auto answer = [&](Result<Position> position) {
    emit(Sought{job.ticket, std::move(position), {}});
  };
  if (failure_) return answer(fail(Errc::store_failed));
  const WithFetched source(*this, job.fetched);
  auto rest = job.offset;
  std::optional<std::uint64_t> missing;
  // What counts of a node; nullopt when it is not at hand, or smaller than its padding.
  const auto size_of = [&](std::uint64_t index) -> std::optional<std::uint64_t> {
    const auto* node = source.find(index);
    if (node == nullptr) missing = index;
    if (node == nullptr || node->size / flat::leaf_count(index) < job.padding) return std::nullopt;
    return node->size - job.padding * flat::leaf_count(index);
  };
  for (const auto root : flat::Roots(roots_.length())) {
    auto size = size_of(root);
    if (size && rest >= *size) {
      rest -= *size;
      continue;
    }
    auto at = root;
    while (size && flat::depth(at) > 0) {
      size = size_of(flat::left_child(at));
      if (!size) break;
      const bool is_right = rest >= *size;
      at = is_right ? flat::right_child(at) : flat::left_child(at);
      if (is_right) rest -= *size;
    }
    if (size) return answer(Position{at / 2, rest});
    if (!missing || !is_held(*missing))
      return emit(Sought{job.ticket, fail(Errc::not_available), missing});
    if (is_overloaded()) return answer(fail(Errc::overloaded));
    return wait_for(std::move(job), {&*missing, 1});
  }
  if (rest > 0) return answer(fail(Errc::out_of_range));
  answer(Position{roots_.length(), 0});
}

void Feed::Machine::resume_job(SeekJob&& job, const StoreResult& part) {
  const auto nodes = held_nodes(part);
  if (!nodes) return emit(Sought{job.ticket, fail(nodes.error()), {}});
  job.fetched.insert(job.fetched.end(), nodes->begin(), nodes->end());
  run(std::move(job));
}

}  // namespace cip::store
