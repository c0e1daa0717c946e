#pragma once

// What an impostor says: a valid answer that names nobody but other impostors. Impostors cannot
// choose ids (an id is the hash of an address), but they can choose among the addresses they have.

#include <vector>

#include "base/random.hpp"
#include "dht/contact.hpp"
#include "dht/message.hpp"

namespace cip::simulations {

class ImpostorRing {
 public:
  // Ports that an impostor tries until its id is as near to the target as it gets.
  static constexpr unsigned kPortsTried = 2048;

  // Of all ports of `ip`, the one of kPortsTried whose id is closest to the target.
  static dht::Contact choose(std::uint32_t ip, const std::optional<Bytes32>& target,
                             Random& random);

  void add(const dht::Contact& contact) { members_.push_back(contact); }
  // The answer of `self` to a request that came from `from`.
  dht::Reply answer(const dht::Contact& self, Endpoint from, const dht::Request& request) const;

 private:
  static constexpr std::size_t kNamed = 20;

  std::vector<dht::Contact> members_;
};

}  // namespace cip::simulations
