#include "overlay/transport/udx/admission.hpp"

#include "base/assert.hpp"
#include "base/endpoint.hpp"

namespace cip::overlay {

bool UdxAdmission::admit(std::uint32_t source_ip) {
  if (streams_ >= limits_.streams || waiting_ >= limits_.unconnected) return false;
  if (source_ip != 0) {
    const auto bound = realm_of(source_ip) == Realm::loopback ? limits_.unconnected_loopback
                                                              : limits_.unconnected_per_source;
    const auto* count = by_source_.find(source_ip);
    if (count != nullptr && *count >= bound) return false;
    by_source_.insert(source_ip, 0);
    ++*by_source_.find(source_ip);
  }
  ++streams_;
  ++waiting_;
  return true;
}

void UdxAdmission::stop_waiting(std::uint32_t source_ip) {
  CIP_ASSERT(waiting_ > 0);
  --waiting_;
  if (source_ip == 0) return;
  auto* count = by_source_.find(source_ip);
  CIP_ASSERT(count != nullptr);
  if (--*count == 0) by_source_.erase(source_ip);
}

}  // namespace cip::overlay
