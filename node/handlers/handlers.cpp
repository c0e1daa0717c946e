#include "node/handlers/handlers.hpp"

#include "base/text.hpp"
#include "node/clock.hpp"

namespace cip::node {

void AtOnce::start() {
  if (auto answered = answer_(out_); !answered) return out_.fail(std::move(answered.error()));
  out_.done();
}

void add_key(Json& object, const Bytes32& key) {
  object["key"] = to_z32(key);
  object["keyHex"] = to_hex(key);
}

double ms_since(TimePoint start) { return to_ms(now().mono - start); }

}  // namespace cip::node
