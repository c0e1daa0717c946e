#include "node/names.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace cip::node {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// What no name may be, whatever it names.
std::optional<std::string> common_fault(std::string_view text) {
  if (text.empty()) return "a name cannot be empty";
  if (text.size() > kLongestName) return "a name has at most 255 bytes";
  if (!is_utf8(bytes_of(text))) return "a name is UTF-8 text";
  if (std::ranges::any_of(text, is_control)) return "a name has no control characters";
  if (text.front() == ' ' || text.back() == ' ')
    return "a name neither begins nor ends with blanks";
  if (parse_key(text)) return "a name that reads as a key would be taken for one";
  return std::nullopt;
}

// A level of a name that other systems take for any number of names.
bool is_wildcard(std::string_view level) {
  return level == "#" || level == "+" || level == "*" || level == ">" || level == "**";
}

bool has_wildcard(std::string_view text, char separator) {
  while (true) {
    const auto end = text.find(separator);
    if (is_wildcard(text.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::string> feed_name_fault(std::string_view text) {
  if (auto fault = common_fault(text)) return fault;
  constexpr std::array<std::string_view, 2> kPrefixes{"key:", "name:"};
  for (const auto prefix : kPrefixes) {
    if (text.starts_with(prefix)) return "a name that begins with key: or name: would be ambiguous";
  }
  if (text.starts_with("hyper://") || text.starts_with("pear://")) {
    return "a name that begins with hyper:// or pear:// would be taken for a key";
  }
  return std::nullopt;
}

std::optional<std::string> topic_name_fault(std::string_view text) {
  if (auto fault = common_fault(text)) return fault;
  if (has_wildcard(text, '/') || has_wildcard(text, '.')) {
    return "there are no wildcards: a topic is one name";
  }
  return std::nullopt;
}

}  // namespace cip::node
