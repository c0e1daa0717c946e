#include "cli/payload_io.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace cip::cli {

namespace {

std::string read_all(const InputFile& input) {
  std::string out(1 << 20, '\0');
  const auto n = ::read(input.fd(), out.data(), out.size());
  out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return out;
}

std::string all_bytes() {
  std::string out;
  for (int byte = 0; byte < 256; ++byte) out.push_back(static_cast<char>(byte));
  return out;
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("base64 decodes with and without padding and refuses what is none") {
  CHECK(decode_base64("") == "");
  CHECK(decode_base64("Zg==") == "f");
  CHECK(decode_base64("Zm8=") == "fo");
  CHECK(decode_base64("Zm9v") == "foo");
  CHECK(decode_base64("Zm9vYg") == "foob");
  CHECK(decode_base64("//79") == "\xff\xfe\xfd");
  CHECK_FALSE(decode_base64("Z"));
  CHECK_FALSE(decode_base64("Zm9*"));
}

TEST_CASE("a payload is text as it is or data in base64") {
  CHECK(payload_of({{"text", "a\r"}}) == "a\r");
  CHECK(payload_of({{"data", "AP8="}}) == std::string("\0\xff", 2));
  CHECK_FALSE(payload_of({{"seq", 1}}));
  CHECK_FALSE(payload_of({{"data", "***"}}));
}

TEST_CASE("a message given as argument reaches the request byte for byte") {
  const auto input = open_input("two\nlines", "");
  REQUIRE(input);
  CHECK(read_all(*input) == "two\nlines");
  CHECK(read_all(*input_of_bytes(bytes_of(all_bytes()))) == all_bytes());
  CHECK(read_all(*open_input("", "")).empty());
}

TEST_CASE("a file is read instead of stdin, and a missing one is a usage error") {
  char name[] = "/tmp/cipnode-payload-XXXXXX";
  const int fd = ::mkstemp(name);
  REQUIRE(::write(fd, "abc", 3) == 3);
  ::close(fd);
  CHECK(read_all(*open_input(std::nullopt, name)) == "abc");
  std::filesystem::remove(name);
  const auto missing = open_input(std::nullopt, name);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ExitCode::usage);
  CHECK_FALSE(open_input("message", name));
  CHECK(open_input(std::nullopt, "")->fd() == STDIN_FILENO);
}

TEST_CASE("a folder, a closed stdin and one that cannot be read are no input") {
  CHECK(open_input(std::nullopt, "/tmp").error().code == ExitCode::usage);
  const int saved = ::dup(STDIN_FILENO);
  const auto with_stdin = [](int fd) {
    ::dup2(fd, STDIN_FILENO);
    ::close(fd);
    return open_input(std::nullopt, "");
  };
  CHECK(with_stdin(::open("/tmp", O_RDONLY | O_DIRECTORY)).error().message ==
        "stdin is a directory");
  CHECK(with_stdin(::open("/dev/null", O_WRONLY)).error().message == "stdin is closed");
  CHECK(with_stdin(::open("/dev/null", O_RDONLY)).has_value());
  ::close(STDIN_FILENO);
  CHECK(open_input(std::nullopt, "").error().message == "stdin is closed");
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
}

TEST_CASE("a command gets the payload on stdin and its variables, and its exit code is seen") {
  char name[] = "/tmp/cipnode-exec-XXXXXX";
  ::close(::mkstemp(name));
  const auto line =
      "cat > " + std::string(name) + "; printf %s \"$CIPNODE_MESSAGE_SEQ\" >> " + name;
  CHECK(run_command(line, all_bytes(), {"CIPNODE_MESSAGE_SEQ=7"}) == 0);
  CHECK(file_text(name) == all_bytes() + "7");
  std::filesystem::remove(name);
  CHECK(run_command("exit 3", "", {}) == 3);
  CHECK(run_command("kill -TERM $$", "", {}) == 128 + 15);
}

TEST_CASE("payloads pass unchanged through a pipe and are escaped on a terminal unless raw") {
  RecordingConsole pipe;
  print_payload(pipe, all_bytes(), {});
  CHECK(pipe.out == all_bytes() + "\n");
  RecordingConsole nul;
  print_payload(nul, "x", {.nul = true});
  CHECK(nul.out == std::string("x\0", 2));
  RecordingConsole terminal;
  terminal.out_is_terminal = true;
  print_payload(terminal, "a\x1b[2Jb", {});
  CHECK(terminal.out == "a\\x1b[2Jb\n");
  RecordingConsole raw;
  raw.out_is_terminal = true;
  print_payload(raw, "a\x1b[2Jb", {.raw = true});
  CHECK(raw.out == "a\x1b[2Jb\n");
}

}  // namespace cip::cli
