#include "cli/resolve.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

#include "base/endpoint.hpp"

namespace cip::cli {
namespace {

std::optional<std::uint32_t> address_of(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return std::nullopt;
  sockaddr_in address{};
  std::memcpy(&address, found->ai_addr, sizeof address);
  ::freeaddrinfo(found);
  return ntohl(address.sin_addr.s_addr);
}

}  // namespace

Outcome<std::vector<std::string>> resolve_contacts(const std::vector<std::string>& contacts) {
  std::vector<std::string> out;
  for (const auto& contact : contacts) {
    if (parse_endpoint(contact)) {
      out.push_back(contact);
      continue;
    }
    const auto colon = contact.rfind(':');
    const auto address = address_of(contact.substr(0, colon));
    if (!address) {
      return fail_with(ExitCode::no_route,
                       fmt::format("the name {} has no address", contact.substr(0, colon)),
                       "check the spelling, or give the address itself");
    }
    out.push_back(ipv4_text(*address) + contact.substr(colon));
  }
  return out;
}

}  // namespace cip::cli
