#pragma once

// What may be a name: of a feed in its home, of an open topic. A name that can be made can be used
// in every command, so what reads as something else is refused where it is made.

#include <optional>
#include <string>
#include <string_view>

namespace cip::node {

// Longer names are a paste gone wrong.
inline constexpr std::size_t kLongestName = 255;

// Why `text` cannot be the name of a feed or topic; nothing when it can.
std::optional<std::string> feed_name_fault(std::string_view text);
std::optional<std::string> topic_name_fault(std::string_view text);

}  // namespace cip::node
