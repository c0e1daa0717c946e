#pragma once

// The two streams of a command: stdout is data, stderr is talk. Every write leaves at once. After a
// write to stdout failed (its reader has gone, the disk is full, a signal came and the reader takes
// nothing) the rest is dropped, and out_error() tells why.

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/bytes.hpp"
#include "cli/patient_writer.hpp"

namespace cip::cli {

struct TerminalSize {
  int columns = 80;
  int rows = 24;
  bool operator==(const TerminalSize&) const = default;
};

class Console {
 public:
  virtual ~Console() = default;

  virtual void write_out(std::string_view bytes) = 0;
  virtual void write_err(std::string_view bytes) = 0;
  // Why stdout takes no more; std::errc::broken_pipe when its reader has gone. When a signal came
  // while it was full: interrupted if that cut a write, operation_canceled if it stopped before
  // one.
  virtual std::error_code out_error() const = 0;
  // The line a user types in answer to a question; nothing when nobody sits at a terminal.
  virtual std::optional<std::string> ask(std::string_view question) = 0;
  // The same, but what is typed is not shown. Nothing also after a signal (node/signals.hpp).
  virtual std::optional<std::string> ask_secret(std::string_view question) = 0;

  // Of the terminal on stdout, as it is now.
  virtual TerminalSize size() const = 0;

  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colour = false;   // on a terminal, unless NO_COLOR is set or TERM is dumb
  int columns = 80;      // width of the terminal on stderr
  int out_columns = 80;  // of the one on stdout, or $COLUMNS

  void out_line(std::string_view text) { write_out(std::string(text) + '\n'); }
  void err_line(std::string_view text) { write_err(std::string(text) + '\n'); }
};

// Writes to the descriptors 1 and 2 of this process.
class ProcessConsole final : public Console {
 public:
  ProcessConsole();
  void write_out(std::string_view bytes) override;
  void write_err(std::string_view bytes) override;
  std::error_code out_error() const override { return out_error_; }
  std::optional<std::string> ask(std::string_view question) override;
  std::optional<std::string> ask_secret(std::string_view question) override;
  TerminalSize size() const override;

 private:
  PatientWriter out_, err_;
  std::error_code out_error_;
};

// Keeps what was written, for tests.
class RecordingConsole final : public Console {
 public:
  void write_out(std::string_view bytes) override { out += bytes; }
  void write_err(std::string_view bytes) override { err += bytes; }
  std::error_code out_error() const override { return fails_with; }
  std::optional<std::string> ask(std::string_view question) override {
    if (answer) err += question;
    return answer;
  }
  std::optional<std::string> ask_secret(std::string_view question) override {
    if (secrets.empty()) return std::nullopt;
    err += question;
    auto typed = secrets.front();
    secrets.pop_front();
    return typed;
  }
  TerminalSize size() const override { return terminal; }

  std::string out;
  std::string err;
  std::error_code fails_with;         // what out_error() says
  std::optional<std::string> answer;  // what ask() gets
  std::deque<std::string> secrets;    // what ask_secret() gets, one after the other
  TerminalSize terminal;
};

// Bytes of others on their way to a terminal: control characters become visible, lines and tabs
// stay. Takes a stream in pieces; a character cut by the end of a piece waits for the next.
class TerminalEscaper {
 public:
  std::string escape(std::string_view piece);
  // What still waits at the end of the stream.
  std::string finish();

 private:
  std::string waiting_;
};

}  // namespace cip::cli
