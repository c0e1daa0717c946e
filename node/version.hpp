#pragma once

// What `cipnode version` prints. The numbers come from the build.

#include <string_view>

namespace cip::node {

inline constexpr std::string_view kProgramVersion = CIP_VERSION;
inline constexpr std::string_view kProgramCommit = CIP_COMMIT;
// "3" is the version in every dht-rpc datagram, "cip/bound/1" the stream both ends agree on.
inline constexpr std::string_view kWireProtocol = "dht-rpc/3 cip/bound/1 cip/topic/1";

}  // namespace cip::node
