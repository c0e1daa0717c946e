#include "cli/payload_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "base/text.hpp"
#include "cli/options.hpp"

namespace cip::cli {
namespace {

std::string errno_text() { return std::generic_category().message(errno); }

// The six bits a letter of base64 stands for; -1 for others.
int base64_value(char letter) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto at = kLetters.find(letter);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// What a program inherits: our environment and the variables of this message.
std::vector<char*> environment_with(const std::vector<std::string>& variables) {
  std::vector<char*> out;
  for (const auto& variable : variables) out.push_back(const_cast<char*>(variable.c_str()));
  for (char** at = environ; *at != nullptr; ++at) out.push_back(*at);
  out.push_back(nullptr);
  return out;
}

// Signals as a program expects them: a node's process ignores SIGPIPE and SIGXFSZ, which is
// inherited.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t defaults, none;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// What can never be read is refused before anything is asked of a node.
Outcome<InputFile> readable(InputFile file, const std::string& name) {
  const int mode = ::fcntl(file.fd(), F_GETFL);
  struct stat info {};
  if (mode < 0 || ::fstat(file.fd(), &info) != 0 || (mode & O_ACCMODE) == O_WRONLY) {
    return usage_error(fmt::format("{} is closed", name),
                       "give --file FILE, a pipe, or </dev/null for no bytes at all");
  }
  if (!S_ISDIR(info.st_mode)) return file;
  return usage_error(fmt::format("{} is a directory", name), "name a file");
}

}  // namespace

InputFile::~InputFile() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

Outcome<InputFile> input_of_bytes(ByteView bytes) {
  const auto failed = [] {
    return fail_with(ExitCode::internal, "the input cannot be handed over: " + errno_text());
  };
  // A file in memory: any size, no second process or thread to feed it.
  InputFile file(::memfd_create("cipnode-input", MFD_CLOEXEC), true);
  if (file.fd() < 0) return failed();
  while (!bytes.empty()) {
    const auto n = ::write(file.fd(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  if (::lseek(file.fd(), 0, SEEK_SET) != 0) return failed();
  return file;
}

bool is_typed(const InputFile& input) { return ::isatty(input.fd()) == 1; }

Outcome<InputFile> open_input(const std::optional<std::string>& text, const std::string& file) {
  if (text && !file.empty()) {
    return usage_error("--file and a message exclude each other", "give one of the two");
  }
  if (text) return input_of_bytes(bytes_of(*text));
  if (file.empty()) return readable(InputFile(STDIN_FILENO, false), "stdin");
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return readable(InputFile(fd, true), file);
  return usage_error(fmt::format("cannot read {}: {}", file, errno_text()),
                     "name a file that exists and that you may read");
}

std::optional<std::string> decode_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t window = 0;
  int bits = 0;
  for (const char letter : text) {
    const int value = base64_value(letter);
    if (value < 0) return std::nullopt;
    window = window << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(window >> bits & 0xff));
  }
  return out;
}

std::optional<std::string> payload_of(const node::Json& object) {
  if (const auto text = object.find("text"); text != object.end() && text->is_string()) {
    return text->get<std::string>();
  }
  if (const auto data = object.find("data"); data != object.end() && data->is_string()) {
    return decode_base64(data->get_ref<const std::string&>());
  }
  return std::nullopt;
}

Outcome<int> run_command(const std::string& command, std::string_view payload,
                         const std::vector<std::string>& variables) {
  const auto input = input_of_bytes(bytes_of(payload));
  if (!input) return tl::unexpected(input.error());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input->fd(), STDIN_FILENO);
  std::string shell = "sh", option = "-c", line = command;
  const std::array<char*, 4> words = {shell.data(), option.data(), line.data(), nullptr};
  auto environment = environment_with(variables);
  const SpawnAttributes attributes;
  pid_t pid = 0;
  const int problem =
      ::posix_spawn(&pid, "/bin/sh", &actions, attributes.get(), words.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) {
    return fail_with(ExitCode::internal,
                     "cannot start a shell: " + std::generic_category().message(problem));
  }
  return wait_for(pid);
}

void add_payload_flags(CLI::App& app, PayloadFormat& format) {
  add_switch(app, "-0,--null", format.nul, "End each with NUL instead of a newline")
      ->group(kOutputFlags);
  add_switch(app, "--raw", format.raw, "Control characters go to a terminal as they are")
      ->group(kOutputFlags);
}

void print_payload(Console& console, const std::string& payload, PayloadFormat format) {
  const bool escape = console.out_is_terminal && !format.raw;
  auto line = escape ? escape_for_terminal(payload) : payload;
  line.push_back(format.nul ? '\0' : '\n');
  console.write_out(line);
}

}  // namespace cip::cli
