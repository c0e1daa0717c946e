#include "cli/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "cli/files.hpp"

namespace cip::cli {
namespace {

// Reads one file from front to back. Functions that fail return nullopt and leave the reason in
// `problem`, with the line where the reader stands.
class ConfigReader {
 public:
  explicit ConfigReader(std::string_view text) : rest_(text) {}

  // Stops where there is a problem.
  std::vector<ConfigEntry> read_all() {
    std::vector<ConfigEntry> entries;
    while (skip_to_key()) {
      auto entry = read_entry();
      if (!entry) break;
      if (std::ranges::find(entries, entry->key, &ConfigEntry::key) != entries.end()) {
        refuse(fmt::format("'{}' is set twice", entry->key));
        break;
      }
      entries.push_back(std::move(*entry));
    }
    return entries;
  }

  const std::string& problem() const { return problem_; }
  int line() const { return line_; }

 private:
  std::nullopt_t refuse(std::string problem) {
    problem_ = std::move(problem);
    return std::nullopt;
  }

  char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  void advance() {
    if (rest_.front() == '\n') ++line_;
    rest_.remove_prefix(1);
  }
  void skip_blanks() {
    while (front() == ' ' || front() == '\t' || front() == '\r') advance();
  }
  void skip_comment() {
    if (front() != '#') return;
    while (!rest_.empty() && front() != '\n') advance();
  }
  // Blanks, comments and line ends.
  void skip_lines() {
    for (skip_blanks(); front() == '#' || front() == '\n'; skip_blanks()) {
      skip_comment();
      if (front() == '\n') advance();
    }
  }
  bool skip_to_key() {
    skip_lines();
    return !rest_.empty();
  }

  // `further` are characters besides letters, digits, - and _.
  std::string read_word(std::string_view further) {
    std::string word;
    while (std::isalnum(static_cast<unsigned char>(front())) != 0 || front() == '-' ||
           front() == '_' || (front() != '\0' && further.find(front()) != further.npos)) {
      word.push_back(front());
      advance();
    }
    return word;
  }

  std::optional<ConfigEntry> read_entry() {
    if (front() == '[') return refuse("tables are not used here: write plain key = value lines");
    ConfigEntry entry{.key = {}, .values = {}, .line = line_};
    entry.key = read_word(".");
    skip_blanks();
    if (entry.key.empty() || front() != '=') return refuse("expected key = value");
    advance();
    skip_blanks();
    if (!(front() == '[' ? read_array(entry.values) : read_single(entry.values)))
      return std::nullopt;
    skip_blanks();
    skip_comment();
    if (!rest_.empty() && front() != '\n') return refuse("unexpected text behind the value");
    return entry;
  }

  bool read_single(std::vector<std::string>& values) {
    auto value = read_value();
    if (!value) return false;
    values.push_back(std::move(*value));
    return true;
  }

  bool read_array(std::vector<std::string>& values) {
    advance();
    for (skip_lines(); front() != ']'; skip_lines()) {
      if (!read_single(values)) return false;
      skip_lines();
      if (front() == ',') {
        advance();
      } else if (front() != ']') {
        refuse("expected , or ] in the array");
        return false;
      }
    }
    advance();
    return true;
  }

  std::optional<std::string> read_value() {
    if (front() == '"' || front() == '\'') return read_string();
    auto word = read_word("");
    const bool number = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
      return std::isdigit(c) != 0;
    });
    if (number || word == "true" || word == "false") return word;
    return refuse("expected a string in quotes, a whole number, true, false or an array");
  }

  std::optional<std::string> read_string() {
    const char quote = front();
    advance();
    std::string out;
    while (front() != quote) {
      if (rest_.empty() || front() == '\n') return refuse("the string has no closing quote");
      if (front() == '\\' && quote == '"') {
        advance();
        const auto letter = unescape(front());
        if (!letter) return refuse("unknown escape in the string");
        out.push_back(*letter);
      } else {
        out.push_back(front());
      }
      advance();
    }
    advance();
    return out;
  }

  static std::optional<char> unescape(char letter) {
    switch (letter) {
      case '"':
        return '"';
      case '\\':
        return '\\';
      case 't':
        return '\t';
      case 'n':
        return '\n';
      default:
        return std::nullopt;
    }
  }

  std::string_view rest_;
  std::string problem_;
  int line_ = 1;
};

// Far more than all settings take.
constexpr std::size_t kLargestConfig = 1 << 20;

}  // namespace

bool is_config_there(const std::filesystem::path& path) {
  std::error_code problem, ignored;
  const auto type = std::filesystem::symlink_status(path, problem).type();
  if (type != std::filesystem::file_type::none && type != std::filesystem::file_type::not_found) {
    return true;
  }
  return problem == std::errc::permission_denied &&
         std::filesystem::is_directory(path.parent_path(), ignored);
}

Outcome<std::string> read_config(const std::filesystem::path& path) {
  if (!is_config_there(path)) return std::string();
  auto text = read_file(path.string(), "the config file", kLargestConfig);
  if (!text) text.error().hint = "make it a text file that you may read, or move it away";
  return text;
}

ConfigText parse_config(std::string_view text, std::string_view name) {
  // What some editors put in front; TOML ignores it.
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  ConfigReader reader(text);
  ConfigText out{reader.read_all()};
  if (reader.problem().empty()) return out;
  out.problem_line = reader.line();
  out.problem = {ExitCode::usage,
                 fmt::format("{}, line {}: {}", name, reader.line(), reader.problem()),
                 "lines look like: listen = \"0.0.0.0:49737\""};
  return out;
}

}  // namespace cip::cli
