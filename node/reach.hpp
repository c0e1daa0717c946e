#pragma once

// What a request may expect of the network at this moment, so that it waits for nobody who cannot
// be there.

#include <fmt/format.h>

#include "base/endpoint.hpp"
#include "node/error.hpp"
#include "node/name_lookup.hpp"

namespace cip::node {

class Reach {
 public:
  virtual ~Reach() = default;
  virtual const NameLookup& name_lookup() const = 0;
  // Some node of the network is known.
  virtual bool has_contact() const = 0;
  // None is, but one of the contacts may still answer, or a neighbour be heard: they have not had
  // the time.
  virtual bool may_meet_somebody() const = 0;
  // Error conflict: another node with this identity was met. What both append would be two
  // histories.
  virtual Outcome<void> may_append() const = 0;
};

// Another node with the identity of this one runs there.
inline Error twin_error(const Endpoint& at) {
  return {
      ExitCode::conflict,
      fmt::format("another node with the identity of this home runs at {}: what both append "
                  "would be two histories of one feed",
                  to_string(at)),
      "end one of the two (cipnode stop) and use a home of its own there (--home DIR); a minute "
      "after the other has gone this one appends again"};
}

}  // namespace cip::node
