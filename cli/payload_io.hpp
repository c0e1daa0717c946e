#pragma once

// Payloads on their way between files, terminals, programs and a request. Bytes pass unchanged;
// what a terminal gets is escaped unless --raw. Lines are cut by the node, as they come.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "node/service.hpp"

namespace CLI {
class App;
}

namespace cip::cli {

// A file descriptor that is closed with its owner, unless it is borrowed (stdin).
class InputFile {
 public:
  InputFile(int descriptor, bool owned) : fd_(descriptor), owned_(owned) {}
  InputFile(InputFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), owned_(std::exchange(other.owned_, false)) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();
  int fd() const { return fd_; }

 private:
  int fd_;
  bool owned_;
};

// Where a payload comes from: the text itself, a file, or (neither) stdin. Error usage: a
// directory, a closed stdin, a file that cannot be opened.
Outcome<InputFile> open_input(const std::optional<std::string>& text, const std::string& file);
Outcome<InputFile> input_of_bytes(ByteView bytes);
// Somebody has to type it: worth a word.
bool is_typed(const InputFile& input);

// The bytes of a message or block: "text", or "data" in base64. Nothing when it has neither or the
// base64 is broken.
std::optional<std::string> payload_of(const node::Json& object);
std::optional<std::string> decode_base64(std::string_view text);

// Runs `command` in a shell with `payload` on its stdin and `variables` ("NAME=value") added to its
// environment, and waits for it. Its exit code; 128 + n when signal n ended it.
Outcome<int> run_command(const std::string& command, std::string_view payload,
                         const std::vector<std::string>& variables);

// How payloads are printed.
struct PayloadFormat {
  bool raw = false;  // also to terminals
  bool nul = false;  // -0: NUL behind each instead of a newline
};
// -0 and --raw.
void add_payload_flags(CLI::App& app, PayloadFormat& format);
void print_payload(Console& console, const std::string& payload, PayloadFormat format);

}  // namespace cip::cli
