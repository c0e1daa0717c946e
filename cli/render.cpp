#include "cli/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "cli/colours.hpp"

namespace cip::cli {
namespace {

std::string painted(std::string_view text, std::string_view paint, Style style) {
  return style.colour ? fmt::format("{}{}{}", paint, text, kPlain) : std::string(text);
}

// Cells are one line: even a line end in a value of others is shown, not followed.
std::string cell_text(const std::string& cell, Style style) {
  if (!style.escape) return cell;
  std::string out;
  for (const char letter : escape_for_terminal(cell)) {
    if (letter == '\n' || letter == '\t') {
      out += letter == '\n' ? "\\n" : "\\t";
    } else {
      out += letter;
    }
  }
  return out;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return right ? blanks + text : text + blanks;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string two_units(std::uint64_t large, std::string_view large_unit, std::uint64_t small,
                      std::string_view small_unit) {
  if (small == 0) return fmt::format("{} {}", large, large_unit);
  return fmt::format("{} {} {} {}", large, large_unit, small, small_unit);
}

// "[#####---]  45 %  ", with `width` places between the brackets; nothing when the share is
// unknown.
std::string bar_text(double share, int width) {
  if (share < 0) return {};
  const double done = std::clamp(share, 0.0, 1.0);
  const auto filled = static_cast<std::size_t>(done * width);
  const auto percent = fmt::format("{:3.0f} %  ", std::floor(done * 100));
  if (width == 0) return percent;
  return fmt::format("[{}{}] {}", std::string(filled, '#'),
                     std::string(static_cast<std::size_t>(width) - filled, '-'), percent);
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string count_text(std::uint64_t value) {
  auto text = std::to_string(value);
  for (auto at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string duration_text(double ms) {
  if (ms < 1000) return short_number(std::max(ms, 0.0)) + " ms";
  if (ms < 60'000) return short_number(ms / 1000) + " s";
  const auto seconds = static_cast<std::uint64_t>(ms / 1000);
  if (seconds < 3600) return two_units(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86400) return two_units(seconds / 3600, "h", seconds / 60 % 60, "min");
  return two_units(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

std::string duration_flag_text(std::int64_t micros) {
  if (micros == 0) return "0";
  if (micros % 3'600'000'000 == 0) return fmt::format("{}h", micros / 3'600'000'000);
  if (micros % 1'000'000 == 0) return fmt::format("{}s", micros / 1'000'000);
  if (micros % 1000 == 0) return fmt::format("{}ms", micros / 1000);
  return fmt::format("{}us", micros);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string short_text(std::string_view text, std::size_t letters) {
  if (text.size() <= letters) return std::string(text);
  return std::string(text.substr(0, letters)) + "…";
}

void Pairs::add(std::string label, std::string value) {
  if (!value.empty()) rows_.emplace_back(std::move(label), std::move(value));
}

std::string Pairs::text(Style style) const {
  std::size_t width = 0;
  for (const auto& [label, value] : rows_) width = std::max(width, width_of(label));
  std::string out;
  for (const auto& [label, value] : rows_) {
    out +=
        painted(padded(label, width, false), kDim, style) + "  " + cell_text(value, style) + "\n";
  }
  return out;
}

std::string Table::text(Style style) const {
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  std::vector<std::string> titles;
  for (const auto& heading : headings_) {
    right.push_back(heading.starts_with('>'));
    titles.push_back(right.back() ? heading.substr(1) : heading);
    widths.push_back(width_of(titles.back()));
  }
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows_) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      line.push_back(i < row.size() ? cell_text(row[i], style) : "");
      widths[i] = std::max(widths[i], width_of(line.back()));
    }
  }
  const auto line_of = [&](const std::vector<std::string>& line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += (i == 0 ? "" : "  ") + padded(line[i], widths[i], right[i]);
    }
    return trimmed(out);
  };
  std::string out = painted(line_of(titles), kBold, style) + "\n";
  for (const auto& line : cells) out += line_of(line) + "\n";
  return out;
}

std::string progress_text(const ProgressState& state, int columns) {
  std::string tail;
  if (state.per_second > 0) tail += "  " + bytes_text(state.per_second) + "/s";
  if (state.left_ms >= 0) {
    tail += "  " + duration_text(std::ceil(state.left_ms / 1000) * 1000) + " left";
  }
  const auto most = static_cast<std::size_t>(std::max(columns - 1, 1));
  auto done = state.done;
  // What one waits for stays; the bar shrinks first, then it goes, then the counts from behind.
  for (const int bar : {24, 12, 0}) {
    const auto out = bar_text(state.share, bar) + done + tail;
    if (width_of(out) <= most) return out;
  }
  const auto percent = bar_text(state.share, 0);
  while (width_of(percent + done + tail) > most) {
    const auto comma = done.rfind(", ");
    if (comma == std::string::npos) break;
    done.resize(comma);
  }
  const auto out = percent + done + tail;
  if (width_of(out) <= most) return out;
  const auto least = percent + tail.substr(std::min<std::size_t>(tail.size(), 2));
  return least.substr(0, most);
}

}  // namespace cip::cli
