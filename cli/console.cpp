#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/text.hpp"
#include "cli/parse.hpp"

namespace cip::cli {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

int terminal_columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// $COLUMNS is how wide its user wants text; what is drawn over must know the real width.
int preferred_columns(int fd) {
  const char* wanted = std::getenv("COLUMNS");
  const auto columns = parse_count(wanted == nullptr ? "" : wanted);
  return columns && *columns > 0 && *columns <= 10'000 ? static_cast<int>(*columns)
                                                       : terminal_columns(fd);
}

// How many bytes at the end of `text` begin a UTF-8 character that goes on behind it.
std::size_t cut_character(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

ProcessConsole::ProcessConsole() : out_(STDOUT_FILENO), err_(STDERR_FILENO) {
  out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  colour = out_is_terminal && err_is_terminal && !dumb && !is_set("NO_COLOR");
  columns = terminal_columns(STDERR_FILENO);
  out_columns = preferred_columns(STDOUT_FILENO);
}

std::optional<std::string> ProcessConsole::ask(std::string_view question) {
  if (::isatty(STDIN_FILENO) != 1 || !err_is_terminal) return std::nullopt;
  write_err(question);
  std::string line;
  std::getline(std::cin, line);
  return line;
}

void ProcessConsole::write_out(std::string_view bytes) {
  if (!out_error_) out_error_ = out_.write(bytes);
}

void ProcessConsole::write_err(std::string_view bytes) { err_.write(bytes); }

std::string TerminalEscaper::escape(std::string_view piece) {
  std::string text = waiting_ + std::string(piece);
  const auto cut = cut_character(text);
  waiting_ = text.substr(text.size() - cut);
  return escape_for_terminal(std::string_view(text).substr(0, text.size() - cut));
}

std::string TerminalEscaper::finish() {
  return escape_for_terminal(std::exchange(waiting_, std::string()));
}

}  // namespace cip::cli
