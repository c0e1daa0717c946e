#include "base/host_port.hpp"

#include <algorithm>
#include <charconv>

#include "base/endpoint.hpp"

namespace cip {
inline namespace base {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035

bool is_name_letter(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// What looks like an address must be one.
bool is_host(std::string_view host) {
  if (host.size() > kLongestName || !std::ranges::all_of(host, is_name_letter)) return false;
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host.empty() || !numeric || parse_ipv4(host).has_value();
}

}  // namespace

tl::expected<HostPort, HostPortFault> split_host_port(std::string_view text) {
  const auto fail_with = [](HostPortFault fault) { return tl::unexpected<HostPortFault>(fault); };
  const auto colon = text.rfind(':');
  const bool bracket = text.find_first_of("[]") != std::string_view::npos;
  if (bracket || (colon != std::string_view::npos && text.find(':') != colon)) {
    return fail_with(HostPortFault::ipv6);
  }
  if (colon == std::string_view::npos || colon + 1 == text.size()) {
    return fail_with(is_host(text.substr(0, colon)) ? HostPortFault::no_port
                                                    : HostPortFault::bad_host);
  }
  HostPort out{text.substr(0, colon), 0};
  if (!is_host(out.host)) return fail_with(HostPortFault::bad_host);
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  const bool whole = error == std::errc{} && end == port.data() + port.size();
  if (!whole || (port.size() > 1 && port.front() == '0')) return fail_with(HostPortFault::bad_port);
  return out;
}

}  // namespace base
}  // namespace cip
