#pragma once

// Contacts to enter an overlay through: as typed (names included), and as saved in the home for the
// next start.

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "dht/routing_table.hpp"
#include "node/name_lookup.hpp"

namespace cip::node {

// The public network of the stock packages, and its contacts (dht.md 19).
inline constexpr std::string_view kPublicNetwork = "hyperswarm";
const std::vector<Endpoint>& public_contacts();

// Names that are asked for again and again; more are not taken.
inline constexpr std::size_t kMaxNamedContacts = 64;

// The contacts that a node was told of. A name is looked up until it has an address, after 1, 2, 4
// and up to 60 s, and then again every minute for as long as nobody is known: the network may come
// up after the node, and a name may move.
class ContactResolver {
 public:
  struct Pace {
    Duration first = std::chrono::seconds(1);
    Duration longest = std::chrono::seconds(60);
  };

  // `found` comes for each address, at once where no name is to be looked up. `is_alone`: whether
  // names that have an address are to be looked up again.
  ContactResolver(asio::io_context& io, NameLookup lookup, std::function<void(Endpoint)> found,
                  std::function<bool()> is_alone, Pace pace);
  ContactResolver(asio::io_context& io, NameLookup lookup, std::function<void(Endpoint)> found,
                  std::function<bool()> is_alone)
      : ContactResolver(io, std::move(lookup), std::move(found), std::move(is_alone), Pace{}) {}

  // HOST:PORT as typed; what was named before is looked up anew.
  void resolve(const std::vector<std::string>& contacts);
  // A name is being looked up for the first time.
  bool is_busy() const;
  // The names that had an address at the last look, as typed.
  std::vector<std::string> resolved() const;
  // Why a contact is of no use, one sentence for each: its name has no address, or it has one and
  // (the caller knows that nobody is there) does not answer.
  std::vector<std::string> problems() const;

 private:
  struct Entry {
    std::string text;
    HostPort place;
    std::vector<Endpoint> found;
    std::string problem;
    bool looking = false;
    bool looked = false;
    Duration pause{};
    std::unique_ptr<asio::steady_timer> timer;
  };

  void look(const std::shared_ptr<Entry>& entry);
  void take(Entry& entry, const LookupResult& result);
  void look_later(const std::shared_ptr<Entry>& entry);

  asio::io_context& io_;
  NameLookup lookup_;
  std::function<void(Endpoint)> found_;
  std::function<bool()> is_alone_;
  Pace pace_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::vector<Endpoint> numeric_;
};

// A sentence for contacts of earlier runs of which none answers; nothing when there are none.
std::optional<std::string> silent_contacts(const std::vector<Endpoint>& saved);

// The number of the format of both lists below, and how the names begin that they have on disk.
inline constexpr std::uint8_t kContactsVersion = 1;
inline constexpr std::string_view kContactsBegin = "contacts/";
inline constexpr std::string_view kNamesBegin = "contact-names/";

// Contacts kept for the next start: those heard of most lately.
inline constexpr std::size_t kSavedContacts = 100;
Bytes save_contacts(const dht::RoutingTable& table);
Result<std::vector<Endpoint>> load_contacts(ByteView record);
// Name of the record for a network.
std::string contacts_record(std::string_view network);

// The names among them, which may have other addresses by then.
inline constexpr std::size_t kSavedNames = 16;
Bytes save_names(std::vector<std::string> names);
Result<std::vector<std::string>> load_names(ByteView record);
std::string names_record(std::string_view network);

}  // namespace cip::node
