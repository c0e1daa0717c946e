#include "overlay/transport/link.hpp"

#include <algorithm>
#include <iterator>

namespace cip::overlay {

std::string_view name_of(LinkKind kind) { return kind == LinkKind::udx ? "udx" : "tcp"; }

std::vector<Candidate> tcp_candidates(std::span<const Endpoint> addresses) {
  std::vector<Candidate> out;
  out.reserve(addresses.size());
  std::ranges::transform(addresses, std::back_inserter(out), tcp_candidate);
  return out;
}

}  // namespace cip::overlay
