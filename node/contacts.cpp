#include "node/contacts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/archive.hpp"
#include "node/log.hpp"

namespace cip::node {

const std::vector<Endpoint>& public_contacts() {
  static const std::vector<Endpoint> contacts{
      {0x586303d6, 49737}, {0x8e5d5a71, 49737}, {0x8aa89308, 49737}};
  return contacts;
}

ContactResolver::ContactResolver(asio::io_context& io, NameLookup lookup,
                                 std::function<void(Endpoint)> found,
                                 std::function<bool()> is_alone, Pace pace)
    : io_(io),
      lookup_(std::move(lookup)),
      found_(std::move(found)),
      is_alone_(std::move(is_alone)),
      pace_(pace) {}

void ContactResolver::resolve(const std::vector<std::string>& contacts) {
  for (const auto& contact : contacts) {
    if (const auto endpoint = parse_endpoint(contact)) {
      const bool is_new = std::ranges::find(numeric_, *endpoint) == numeric_.end();
      if (is_new && numeric_.size() < kMaxNamedContacts) numeric_.push_back(*endpoint);
      found_(*endpoint);
      continue;
    }
    const auto place = parse_host_port(contact);
    if (!place) continue;
    const auto known = entries_.find(contact);
    if (known == entries_.end() && entries_.size() >= kMaxNamedContacts) continue;
    auto& entry = entries_[contact];
    if (!entry) {
      entry = std::make_shared<Entry>();
      entry->text = contact;
      entry->place = *place;
      entry->timer = std::make_unique<asio::steady_timer>(io_);
    }
    entry->pause = pace_.first;
    look(entry);
  }
}

void ContactResolver::look(const std::shared_ptr<Entry>& entry) {
  if (std::exchange(entry->looking, true)) return;
  entry->timer->cancel();
  lookup_(entry->place, [this, weak = std::weak_ptr(entry)](const LookupResult& result) {
    const auto alive = weak.lock();
    if (!alive) return;
    take(*alive, result);
    look_later(alive);
  });
}

void ContactResolver::take(Entry& entry, const LookupResult& result) {
  entry.looking = false;
  entry.looked = true;
  entry.found = result.endpoints;
  if (entry.problem != result.problem) {
    entry.problem = result.problem;
    if (!result.problem.empty()) {
      log(Floor::node, LogLevel::warning, "{} cannot be resolved: {}; it is tried again",
          entry.text, result.problem);
    }
  }
  for (const auto endpoint : result.endpoints) found_(endpoint);
}

void ContactResolver::look_later(const std::shared_ptr<Entry>& entry) {
  auto pause = pace_.longest;
  if (entry->found.empty()) {
    pause = entry->pause;
    entry->pause = std::min(2 * entry->pause, pace_.longest);
  }
  entry->timer->expires_after(pause);
  entry->timer->async_wait([this, weak = std::weak_ptr(entry)](std::error_code error) {
    const auto alive = weak.lock();
    if (error || !alive) return;
    if (alive->found.empty() || is_alone_()) return look(alive);
    look_later(alive);
  });
}

bool ContactResolver::is_busy() const {
  return std::ranges::any_of(entries_, [](const auto& item) { return !item.second->looked; });
}

std::vector<std::string> ContactResolver::resolved() const {
  std::vector<std::string> out;
  for (const auto& [text, entry] : entries_) {
    if (!entry->found.empty()) out.push_back(text);
  }
  return out;
}

std::vector<std::string> ContactResolver::problems() const {
  std::vector<std::string> out;
  for (const auto endpoint : numeric_) {
    out.push_back(fmt::format("{} does not answer", to_string(endpoint)));
  }
  for (const auto& [text, entry] : entries_) {
    if (!entry->looked) {
      out.push_back(fmt::format("{} is still being resolved", text));
    } else if (entry->found.empty()) {
      out.push_back(fmt::format("{} cannot be resolved ({})", text, entry->problem));
    } else {
      out.push_back(fmt::format("{} ({}) does not answer", text, to_string(entry->found.front())));
    }
  }
  return out;
}

std::optional<std::string> silent_contacts(const std::vector<Endpoint>& saved) {
  if (saved.empty()) return std::nullopt;
  const auto first = to_string(saved.front());
  if (saved.size() == 1)
    return fmt::format("{}, known from an earlier run, does not answer", first);
  return fmt::format("none of {} contacts known from an earlier run answers, such as {}",
                     saved.size(), first);
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
  return fmt::format("{}{}", kContactsBegin, network);
}

Bytes save_names(std::vector<std::string> names) {
  if (names.size() > kSavedNames) names.resize(kSavedNames);
  return save_record(kContactsVersion, names);
}

Result<std::vector<std::string>> load_names(ByteView record) {
  return load_record<std::vector<std::string>>(record, kContactsVersion);
}

std::string names_record(std::string_view network) {
  return fmt::format("{}{}", kNamesBegin, network);
}

}  // namespace cip::node
