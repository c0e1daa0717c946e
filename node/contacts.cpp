#include "node/contacts.hpp"

#include <fmt/format.h>

#include "base/archive.hpp"
#include "base/host_port.hpp"
#include "node/log.hpp"

namespace cip::node {

namespace {
constexpr std::uint8_t kContactsVersion = 1;
}

const std::vector<Endpoint>& public_contacts() {
  static const std::vector<Endpoint> contacts{
      {0x586303d6, 49737}, {0x8e5d5a71, 49737}, {0x8aa89308, 49737}};
  return contacts;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto split = split_host_port(text);
  if (!split || split->host.empty() || split->port == 0) return std::nullopt;
  return HostPort{std::string(split->host), split->port};
}

void ContactResolver::resolve(const std::vector<std::string>& contacts) {
  for (const auto& contact : contacts) {
    if (const auto endpoint = parse_endpoint(contact)) {
      found_(*endpoint);
      continue;
    }
    const auto parts = parse_host_port(contact);
    if (!parts) continue;
    ++pending_;
    resolver_.async_resolve(asio::ip::udp::v4(), parts->host, std::to_string(parts->port),
                            [this, contact](std::error_code error,
                                            const asio::ip::udp::resolver::results_type& results) {
                              if (error == asio::error::operation_aborted) return;
                              --pending_;
                              if (error) {
                                log(Floor::node, LogLevel::warning, "{}: {}", contact,
                                    error.message());
                                return;
                              }
                              for (const auto& result : results) {
                                const auto endpoint = result.endpoint();
                                found_({endpoint.address().to_v4().to_uint(), endpoint.port()});
                              }
                            });
  }
}

Bytes save_contacts(const dht::RoutingTable& table) {
  std::vector<Endpoint> contacts;
  for (const auto& member : table.latest(kSavedContacts)) {
    contacts.push_back(member.contact.endpoint);
  }
  return save_record(kContactsVersion, contacts);
}

Result<std::vector<Endpoint>> load_contacts(ByteView record) {
  return load_record<std::vector<Endpoint>>(record, kContactsVersion);
}

std::string contacts_record(std::string_view network) {
  return fmt::format("contacts/{}", network);
}

}  // namespace cip::node
