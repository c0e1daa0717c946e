#pragma once

// Contacts to enter an overlay through: as typed (names included), and as saved in the home for the
// next start.

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "dht/routing_table.hpp"

namespace cip::node {

// The public network of the stock packages, and its contacts (protocol of the DHT, section 19).
inline constexpr std::string_view kPublicNetwork = "hyperswarm";
const std::vector<Endpoint>& public_contacts();

// Splits HOST:PORT; the host may be a name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);

// Resolves names to IPv4. `found` comes for each address; names that are unknown only bring a log
// line.
class ContactResolver {
 public:
  ContactResolver(asio::io_context& io, std::function<void(Endpoint)> found)
      : resolver_(io), found_(std::move(found)) {}

  void resolve(const std::vector<std::string>& contacts);
  // Names are being resolved.
  bool is_busy() const { return pending_ > 0; }

 private:
  asio::ip::udp::resolver resolver_;
  std::function<void(Endpoint)> found_;
  std::size_t pending_ = 0;
};

// Contacts kept for the next start: those heard of most lately.
inline constexpr std::size_t kSavedContacts = 100;
Bytes save_contacts(const dht::RoutingTable& table);
Result<std::vector<Endpoint>> load_contacts(ByteView record);
// Name of the record for a network.
std::string contacts_record(std::string_view network);

}  // namespace cip::node
