#include "node/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "node/journal.hpp"
#include "node/json_rpc.hpp"
#include "node/log_levels.hpp"
#include "node/log_names.hpp"

namespace cip::node {

namespace {

// As kLogLevels names them.
constexpr std::array<spdlog::level::level_enum, kLogLevels.size()> kLevels{
    spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
    spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};

using Levels = std::array<spdlog::level::level_enum, kLogFloors.size()>;
// Of a floor that nobody names.
constexpr Levels kStanding{spdlog::level::warn, spdlog::level::warn, spdlog::level::warn,
                           spdlog::level::warn};

class FileSink;

struct Log {
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>(
      "cipnode", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Levels levels = kStanding;
  bool json = false;
  bool is_journal = false;         // stderr is the journal of the system
  std::shared_ptr<FileSink> file;  // none: stderr is no file of ours
};

Log& the_log() {
  static Log log;
  return log;
}

thread_local std::vector<const LogListener*> listeners;

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view journal_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return kJournalDebug;
    case LogLevel::info:
      return kJournalInfo;
    case LogLevel::warning:
      return kJournalWarning;
    case LogLevel::error:
      return kJournalError;
  }
  return kJournalError;
}

// A line end in it would begin a line of another severity.
std::string journal_line(LogLevel level, std::string line) {
  std::ranges::replace(line, '\n', ' ');
  return fmt::format("{}{}", journal_level(level), line);
}

tl::unexpected<Error> bad_spec(std::string_view part) {
  return fail_with(ExitCode::usage, fmt::format("\"{}\" is no level of the log and no floor", part),
                   fmt::format("write LEVEL or FLOOR=LEVEL,...; floors: {}; levels: {}",
                               fmt::join(kLogFloors, " "), fmt::join(kLogLevels, " ")));
}

// One "level" or "floor=level".
Outcome<void> apply_part(std::string_view part, Levels& levels) {
  const auto equals = part.find('=');
  const auto name = equals == std::string_view::npos ? part : part.substr(equals + 1);
  const auto found = std::ranges::find(kLogLevels, name);
  if (found == kLogLevels.end()) return bad_spec(part);
  const auto level = kLevels[static_cast<std::size_t>(found - kLogLevels.begin())];
  if (equals == std::string_view::npos) {
    levels.fill(level);
    return {};
  }
  const auto floor = std::ranges::find(kLogFloors, part.substr(0, equals));
  if (floor == kLogFloors.end()) return bad_spec(part);
  levels[static_cast<std::size_t>(floor - kLogFloors.begin())] = level;
  return {};
}

// `levels` with what the spec says.
Outcome<Levels> parse_spec(std::string_view spec, Levels levels = kStanding) {
  while (!spec.empty()) {
    const auto comma = std::min(spec.find(','), spec.size());
    if (auto applied = apply_part(spec.substr(0, comma), levels); !applied) {
      return tl::unexpected(applied.error());
    }
    spec.remove_prefix(std::min(comma + 1, spec.size()));
  }
  return levels;
}

// Writes to stderr, which is the file; moves it to FILE.1 when it has grown too large.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FileSink(std::filesystem::path file, std::uint64_t max_bytes)
      : file_(std::move(file)), max_bytes_(max_bytes) {
    struct stat info {};
    if (::fstat(STDERR_FILENO, &info) == 0) size_ = static_cast<std::uint64_t>(info.st_size);
  }
  void reopen() {
    const std::lock_guard lock(mutex_);
    open();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (size_ > 0 && size_ + line.size() > max_bytes_) rotate();
    // A log that cannot be written is no reason to end.
    const auto n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n > 0) size_ += static_cast<std::uint64_t>(n);
  }
  void flush_() override {}

  void rotate() {
    auto old = file_;
    old += ".1";
    if (::rename(file_.c_str(), old.c_str()) == 0) open();
  }
  void open() {
    const int fd = open_log_file(file_);
    if (fd < 0) return;
    ::dup2(fd, STDERR_FILENO);
    ::close(fd);
    struct stat info {};
    size_ = ::fstat(STDERR_FILENO, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  }

  std::filesystem::path file_;
  std::uint64_t max_bytes_;
  std::uint64_t size_ = 0;
};

}  // namespace

int open_log_file(const std::filesystem::path& file) {
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

Outcome<void> check_log_spec(std::string_view spec) {
  if (auto levels = parse_spec(spec); !levels) return tl::unexpected(levels.error());
  return {};
}

Outcome<void> set_up_logging(const LogOptions& options) {
  auto levels = parse_spec(options.spec);
  if (!levels) return tl::unexpected(levels.error());
  auto& log = the_log();
  if (options.file.empty()) {
    log.file.reset();
    log.logger = std::make_shared<spdlog::logger>(
        "cipnode", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  } else {
    log.file = std::make_shared<FileSink>(options.file, options.max_bytes);
    log.logger = std::make_shared<spdlog::logger>("cipnode", log.file);
  }
  log.logger->set_level(spdlog::level::trace);
  log.logger->flush_on(spdlog::level::trace);
  log.is_journal = options.file.empty() && goes_to_journal(STDERR_FILENO);
  log.logger->set_pattern(options.json || log.is_journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %l %v");
  log.levels = *levels;
  log.json = options.json;
  return {};
}

std::map<std::string_view, std::string_view> log_levels() {
  std::map<std::string_view, std::string_view> out;
  for (std::size_t i = 0; i < kLogFloors.size(); ++i) {
    const auto level = std::ranges::find(kLevels, the_log().levels[i]);
    out[kLogFloors[i]] = kLogLevels[static_cast<std::size_t>(level - kLevels.begin())];
  }
  return out;
}

Outcome<void> change_log_levels(std::string_view spec) {
  const auto levels = parse_spec(spec, the_log().levels);
  if (!levels) return tl::unexpected(levels.error());
  the_log().levels = *levels;
  return {};
}

Outcome<void> reset_log_levels(std::string_view spec) {
  const auto levels = parse_spec(spec);
  if (!levels) return tl::unexpected(levels.error());
  the_log().levels = *levels;
  return {};
}

LogListener::LogListener(std::function<void(const std::string&)> listener)
    : listener_(std::move(listener)) {
  listeners.push_back(this);
}

LogListener::~LogListener() { std::erase(listeners, this); }

void reopen_log() {
  if (const auto file = the_log().file) file->reopen();
}

bool is_logged(Floor floor, LogLevel level) {
  return !listeners.empty() || level_of(level) >= the_log().levels[static_cast<std::size_t>(floor)];
}

void log_line(Floor floor, LogLevel level, std::string_view text) {
  auto& log = the_log();
  const auto name = kLogFloors[static_cast<std::size_t>(floor)];
  const auto severity = level_of(level);
  // A copy: what a listener does may end another one.
  for (const auto* listener : std::vector(listeners)) {
    listener->listener_(fmt::format("{}: {}", name, text));
  }
  if (severity < log.levels[static_cast<std::size_t>(floor)]) return;
  const auto write = [&](std::string line) {
    log.logger->log(severity, "{}", log.is_journal ? journal_line(level, std::move(line)) : line);
  };
  if (!log.json) return write(fmt::format("{}: {}", name, text));
  const auto time = spdlog::log_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const Json line{{"time", millis},
                  {"level", spdlog::level::to_string_view(severity).data()},
                  {"floor", name},
                  {"message", text}};
  write(json_text(line));
}

}  // namespace cip::node
