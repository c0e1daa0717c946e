#pragma once

// What people read: numbers with units, aligned lists and tables, the progress bar. All of it is
// plain text from plain values; the caller knows whether it goes to a terminal.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantity.hpp"

namespace cip::cli {

// 1,234,567
std::string count_text(std::uint64_t value);
// 0.42 ms, 12 ms, 3.4 s, 2 min 5 s, 3 h 2 min, 2 d 4 h
std::string duration_text(double ms);
// "500ms", "20s", "1h": as a user would type it; "0" for zero
std::string duration_flag_text(std::int64_t micros);
// "1 peer", "2 peers"
std::string plural(std::uint64_t count, std::string_view noun);
// An id or key cut to what eyes can compare
std::string short_text(std::string_view text, std::size_t letters = 12);
// Columns a UTF-8 text takes, one for each character
std::size_t width_of(std::string_view text);

struct Style {
  bool colour = false;
  bool escape = false;  // cells may hold bytes of others and go to a terminal
};

// "label   value" lines, values aligned.
class Pairs {
 public:
  // An empty value is left out.
  void add(std::string label, std::string value);
  std::string text(Style style) const;

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

// Columns as wide as their widest cell. A heading that begins with '>' aligns right.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string text(Style style) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

struct ProgressState {
  double share = 0;       // 0 to 1; negative when the total is not known
  std::string done;       // "1,024 of 5,000 blocks"
  double per_second = 0;  // bytes; 0: not shown
  double left_ms = -1;    // until the end; negative: not known
};
// One line of at most `columns`, without newline:
//   [#########-----------] 45 %  1,024 of 5,000 blocks  12 MB/s  3 s left
std::string progress_text(const ProgressState& state, int columns);

}  // namespace cip::cli
