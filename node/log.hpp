#pragma once

// The log of a node. Floors below emit typed events; what is worth a line of them is written here
// under the floor's name: "dht", "store", "overlay", "node". Never on stdout.

#include <fmt/core.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "node/error.hpp"
#include "node/join_options.hpp"

namespace cip::node {

enum class LogLevel { debug, info, warning, error };
enum class Floor { dht, store, overlay, node };

// Replaces the log of this process. Error usage: a spec with an unknown floor or level. Before the
// first call warnings go to stderr. With a file, stderr is that file (open_log_file()), so that
// what libraries and the kernel have to say is in it too.
Outcome<void> set_up_logging(const LogOptions& options);
// Error usage: a spec with an unknown floor or level.
Outcome<void> check_log_spec(std::string_view spec);

// Opens a log file to append to it, with mode 0600. -1 and errno: it cannot be opened.
int open_log_file(const std::filesystem::path& file);
// Goes on in a new file of the same name: somebody moved the old one away.
void reopen_log();

// Passes what this thread logs, whatever its level, to `listener` too, while it lives: "dht: text".
class LogListener {
 public:
  explicit LogListener(std::function<void(const std::string&)> listener);
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;
  ~LogListener();

 private:
  friend void log_line(Floor floor, LogLevel level, std::string_view text);
  std::function<void(const std::string&)> listener_;
};

bool is_logged(Floor floor, LogLevel level);
void log_line(Floor floor, LogLevel level, std::string_view text);

template <typename... Args>
void log(Floor floor, LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (is_logged(floor, level)) {
    log_line(floor, level, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace cip::node
