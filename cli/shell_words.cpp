#include "cli/shell_words.hpp"

#include <algorithm>
#include <utility>

namespace cip::cli {
namespace {

constexpr std::string_view kBlank = " \t\n";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class ShellReader {
 public:
  ShellReader(std::string_view text, const Environment& environment, bool splits)
      : left_(text), environment_(environment), splits_(splits) {}

  std::vector<std::string> read() {
    while (!left_.empty()) {
      const char c = left_.front();
      left_.remove_prefix(1);
      if (quote_ == '\'' && c != '\'') {
        word_ += c;
      } else {
        take(c);
      }
    }
    words_.push_back(std::move(word_));
    return std::move(words_);
  }

 private:
  void take(char c) {
    if (quote_ == 0 && splits_ && kBlank.find(c) != kBlank.npos) return end_word();
    const bool first = !std::exchange(begun_, true);
    if (c == quote_) {
      quote_ = 0;
    } else if (quote_ == 0 && (c == '\'' || c == '"')) {
      quote_ = c;
    } else if (c == '\\') {
      take_escaped();
    } else if (c == '$') {
      take_variable();
    } else if (c == '~' && first) {
      take_home();
    } else {
      word_ += c;
    }
  }

  void end_word() {
    if (std::exchange(begun_, false)) words_.push_back(std::exchange(word_, std::string()));
  }

  void take_escaped() {
    constexpr std::string_view kEscapedInQuotes = "\\\"$`";
    if (left_.empty()) return;
    if (quote_ != 0 && kEscapedInQuotes.find(left_.front()) == kEscapedInQuotes.npos) word_ += '\\';
    word_ += left_.front();
    left_.remove_prefix(1);
  }

  // $NAME or ${NAME}
  void take_variable() {
    const bool braced = left_.starts_with('{');
    const auto text = left_.substr(braced ? 1 : 0);
    const auto end =
        static_cast<std::size_t>(std::ranges::find_if_not(text, is_name) - text.begin());
    const auto value = end == 0 || (braced && !text.substr(end).starts_with('}'))
                           ? std::nullopt
                           : environment_(std::string(text.substr(0, end)));
    if (!value) {
      word_ += '$';
      return;
    }
    word_ += *value;
    left_.remove_prefix(end + (braced ? 2 : 0));
  }

  // ~ or ~/…; the home of another user stays as it is.
  void take_home() {
    const bool own =
        left_.empty() || left_.front() == '/' || kBlank.find(left_.front()) != kBlank.npos;
    word_ += own ? environment_("HOME").value_or("~") : "~";
  }

  std::string_view left_;
  const Environment& environment_;
  bool splits_;
  std::vector<std::string> words_;
  std::string word_;
  bool begun_ = false;  // a word, maybe an empty one in quotes
  char quote_ = 0;      // that is open
};

}  // namespace

std::vector<std::string> shell_words(std::string_view line, const Environment& environment) {
  return ShellReader(line, environment, true).read();
}

std::string shell_word(std::string_view word, const Environment& environment) {
  return ShellReader(word, environment, false).read().front();
}

}  // namespace cip::cli
