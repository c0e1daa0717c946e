#pragma once

// The two sides of a stream or a hello. In a hello the initiator greets; on a bound stream the
// roles are those of the hello, whoever dialled (dht.md 18.2).

#include <cstdint>

namespace cip::overlay {

enum class Role : std::uint8_t { initiator = 0, responder = 1 };

constexpr Role other(Role role) {
  return role == Role::initiator ? Role::responder : Role::initiator;
}

}  // namespace cip::overlay
