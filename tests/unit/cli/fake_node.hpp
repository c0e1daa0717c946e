#pragma once

// A stand-in for the node: it records the request of a command line and gives back scripted
// answers.

#include <fmt/format.h>
#include <unistd.h>

#include "cli/application.hpp"
#include "tests/unit/cli/golden.hpp"

namespace cip::cli::test {

inline const Environment kEmpty = [](const std::string& name) -> std::optional<std::string> {
  if (name == "HOME") return "/nonexistent";
  return std::nullopt;
};

inline const std::string kKey = "8pihuxeqiiwqpd6fp1y7qxxhmekxxbcyu5r3ub9kuzaxbqzpgqpy";
inline const std::string kHex(64, '7');

// Answers every request with the same script.
struct FakeNode {
  std::vector<Json> results = {};
  std::string data = {};
  std::vector<std::string> notices = {};
  node::RunResult end = {};

  std::string asked = {};       // what came in
  std::size_t handed_over = 0;  // results that the command took
  node::ServiceOptions options = {};

  Backend backend() {
    Backend out;
    out.run_request = [this](const node::ServiceOptions& given, const node::Request& request,
                             node::Handler& handler) {
      options = given;
      asked = request.method + " " + request.params.dump();
      if (given.input_fd > 2) asked += " <- " + read_input(given.input_fd);
      return answer(handler);
    };
    out.run_join = [this](const node::JoinOptions& given, node::Handler& handler) {
      options.join = given;
      asked = fmt::format("join {}", fmt::join(given.contacts, " "));
      return answer(handler);
    };
    out.run_join_detached = [this](const node::JoinOptions& given, node::Handler& handler) {
      options.join = given;
      asked = fmt::format("join --detach {}", fmt::join(given.contacts, " "));
      return answer(handler);
    };
    out.ask_running = [this](const std::filesystem::path& home, const node::Request& request,
                             Duration patience, node::Handler& handler) {
      options.join.home = home;
      options.timeout = patience;
      asked = request.method + " " + request.params.dump();
      answer(handler);
    };
    return out;
  }

 private:
  static std::string read_input(int fd) {
    std::string out(4096, '\0');
    const auto n = ::read(fd, out.data(), out.size());
    out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return out;
  }
  node::RunResult answer(node::Handler& handler) {
    for (const auto& notice : notices) handler.on_notice(notice);
    handed_over = 0;
    for (const auto& result : results) {
      handler.on_result(result);
      ++handed_over;
      if (!handler.wants_more()) break;
    }
    if (!data.empty()) handler.on_data(bytes_of(data));
    return end;
  }
};

inline node::RunResult failed(Error error) {
  node::RunResult out;
  out.error = std::move(error);
  return out;
}

inline node::RunResult stopped_by(int signal, bool running) {
  node::RunResult out;
  out.signal = signal;
  out.running = running;
  return out;
}

struct Run {
  int code = 0;
  std::string out;
  std::string err;
};

inline Run run_command_line(FakeNode& node, const std::vector<std::string>& words) {
  RecordingConsole console;
  const auto backend = node.backend();
  const int code = run_application(words, kEmpty, console, backend);
  return {code, console.out, console.err};
}

// Everything that is seen of a command, for a golden file: the request, people's output, scripts'.
inline std::string transcript(FakeNode node, std::vector<std::string> words) {
  const auto human = run_command_line(node, words);
  const auto asked = node.asked;
  words.insert(words.begin(), "--json");
  const auto json = run_command_line(node, words);
  const auto part = [](const char* name, const std::string& text) {
    return text.empty() ? std::string() : fmt::format("--- {}\n{}", name, text);
  };
  return fmt::format("$ cipnode {}\n", fmt::join(words.begin() + 1, words.end(), " ")) +
         "--- request\n" + asked + "\n" + part("stdout", human.out) + part("stderr", human.err) +
         part("stdout with --json", json.out) + part("stderr with --json", json.err) +
         fmt::format("--- exit {}\n", human.code);
}

inline void check(const std::string& name, FakeNode node, const std::vector<std::string>& words) {
  check_golden("commands/" + name + ".txt", transcript(std::move(node), words));
}

}  // namespace cip::cli::test
