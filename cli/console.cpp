#include "cli/console.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "base/text.hpp"
#include "cli/parse.hpp"
#include "node/signals.hpp"

namespace cip::cli {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

TerminalSize size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

// $COLUMNS is how wide its user wants text; what is drawn over must know the real width.
int preferred_columns(int fd) {
  const char* wanted = std::getenv("COLUMNS");
  const auto columns = parse_count(wanted == nullptr ? "" : wanted);
  return columns && *columns > 0 && *columns <= 10'000 ? static_cast<int>(*columns)
                                                       : size_of(fd).columns;
}

// What is typed at stdin is not shown as long as it lives, however the command ends; but for the
// newline.
class HiddenTyping {
 public:
  HiddenTyping() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden.c_lflag |= ECHONL;
    is_hidden_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
  }
  ~HiddenTyping() {
    if (is_hidden_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;
  bool is_hidden() const { return is_hidden_; }

 private:
  termios before_{};
  bool is_hidden_ = false;
};

// The next byte of stdin; nothing at its end, and after a signal.
std::optional<char> typed_byte() {
  while (true) {
    std::array<pollfd, 2> ready{
        {{STDIN_FILENO, POLLIN, 0}, {node::signal_descriptor(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return std::nullopt;
    if (node::caught_signal() != 0) return std::nullopt;
    if (ready[0].revents == 0) continue;
    char byte = 0;
    const auto n = ::read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    return n == 1 ? std::optional(byte) : std::nullopt;
  }
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
  columns = size_of(STDERR_FILENO).columns;
  out_columns = preferred_columns(STDOUT_FILENO);
}

std::optional<std::string> ProcessConsole::ask(std::string_view question) {
  if (::isatty(STDIN_FILENO) != 1 || !err_is_terminal) return std::nullopt;
  write_err(question);
  std::string line;
  std::getline(std::cin, line);
  return line;
}

std::optional<std::string> ProcessConsole::ask_secret(std::string_view question) {
  if (::isatty(STDIN_FILENO) != 1 || !err_is_terminal) return std::nullopt;
  const node::SignalCatcher signals;
  const HiddenTyping hidden;
  if (!hidden.is_hidden()) return std::nullopt;
  write_err(question);
  std::string line;
  while (const auto byte = typed_byte()) {
    if (*byte == '\n') return line;
    line += *byte;
  }
  return std::nullopt;
}

TerminalSize ProcessConsole::size() const { return size_of(STDOUT_FILENO); }

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
