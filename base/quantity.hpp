#pragma once

// Numbers for people.

#include <string>

namespace cip {
inline namespace base {

// Three digits that count: 1.23, 12.3, 123; without zeros behind the point.
std::string short_number(double value);

// 999 B, 1.2 kB, 34 MB: powers of 1000, as disks and networks are sold.
std::string bytes_text(double bytes);

}  // namespace base
}  // namespace cip
