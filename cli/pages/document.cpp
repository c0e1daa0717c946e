#include "cli/pages/document.hpp"

namespace cip::cli::pages {

Text plain(std::string text) { return {{Span::Style::plain, std::move(text)}}; }
Text literal(std::string text) { return {{Span::Style::literal, std::move(text)}}; }
Text emphasis(std::string text) { return {{Span::Style::emphasis, std::move(text)}}; }

Text ticked(std::string_view text) {
  Text out;
  while (!text.empty()) {
    const auto open = text.find('`');
    const auto close = open == text.npos ? open : text.find('`', open + 1);
    if (close == text.npos) return out + plain(std::string(text));
    if (open > 0) out = out + plain(std::string(text.substr(0, open)));
    out = out + literal(std::string(text.substr(open + 1, close - open - 1)));
    text.remove_prefix(close + 1);
  }
  return out;
}

Text operator+(Text left, const Text& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace cip::cli::pages
