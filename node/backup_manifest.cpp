#include "node/backup_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "store/backend.hpp"

namespace cip::node {

namespace {

constexpr std::string_view kFirstLine = "cipnode backup 1\n";
constexpr std::string_view kChecksum = "checksum ";
constexpr std::string_view kDatabase = "database/";
// RocksDB's own are shorter.
constexpr std::size_t kLongestName = 64;

tl::unexpected<Error> damaged_manifest(const std::string& what) {
  return fail_with(ExitCode::corrupt, "the manifest of the backup is damaged: " + what,
                   "use another backup");
}

tl::unexpected<Error> of_later_version(const std::string& what) {
  return fail_with(ExitCode::incompatible, "the backup was made by a newer cipnode: " + what,
                   "use that version, or a newer one");
}

template <typename Number>
std::optional<Number> number_of_text(std::string_view text) {
  Number value = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<Bytes32> hash_in(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != sizeof(Bytes32)) return std::nullopt;
  return first_bytes<32>(*bytes);
}

// No path leads out of the folder, to a file that nobody knows, or to two files of one name.
bool is_file_of_home(std::string_view path) {
  if (path == "identity" || path == "config.toml") return true;
  if (!path.starts_with(kDatabase)) return false;
  const auto name = path.substr(kDatabase.size());
  const auto is_plain = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= 'a' && letter <= 'z') || letter == '.' || letter == '-';
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         std::ranges::all_of(name, is_plain);
}

// Takes lines of "WORD VALUE" off a text.
class ManifestLines {
 public:
  explicit ManifestLines(std::string_view text) : rest_(text) {}

  bool is_over() const { return rest_.empty(); }
  // Nothing: the next line begins with another word, or there is none.
  std::optional<std::string_view> take(std::string_view word) {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos || !rest_.starts_with(word)) return std::nullopt;
    const auto line = rest_.substr(0, end);
    if (line.size() <= word.size() || line[word.size()] != ' ') return std::nullopt;
    rest_.remove_prefix(end + 1);
    return line.substr(word.size() + 1);
  }

 private:
  std::string_view rest_;
};

std::optional<BackupFile> backup_file_of(std::string_view line) {
  const auto first = line.find(' ');
  const auto second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return std::nullopt;
  const auto bytes = number_of_text<std::uint64_t>(line.substr(0, first));
  const auto hash = hash_in(line.substr(first + 1, second - first - 1));
  const auto path = line.substr(second + 1);
  if (!bytes || !hash || !is_file_of_home(path)) return std::nullopt;
  return BackupFile{std::string(path), *bytes, *hash};
}

// What is in front of the checksum, if it is right.
Outcome<std::string_view> checked_body(std::string_view text) {
  const auto size = kChecksum.size() + 2 * sizeof(Bytes32) + 1;
  if (text.size() < size) return damaged_manifest("its end is missing");
  const auto body = text.substr(0, text.size() - size);
  auto last = text.substr(body.size());
  if (!last.starts_with(kChecksum) || last.back() != '\n')
    return damaged_manifest("its end is missing");
  last.remove_prefix(kChecksum.size());
  last.remove_suffix(1);
  if (hash_in(last) != hash(bytes_of(body))) return damaged_manifest("it was changed");
  return body;
}

// What a home cannot be without.
Outcome<void> check_manifest(const BackupManifest& manifest) {
  std::set<std::string_view> paths;
  for (const auto& file : manifest.files) {
    if (!paths.insert(file.path).second) return damaged_manifest("it names a file twice");
    if (file.path == "identity" && file.bytes != sizeof(Bytes32)) {
      return damaged_manifest("the identity has another length");
    }
  }
  for (const char* path : {"identity", "database/CURRENT"}) {
    if (!paths.contains(path)) return damaged_manifest(fmt::format("it does not name {}", path));
  }
  return {};
}

}  // namespace

std::string encode_manifest(const BackupManifest& manifest) {
  std::string text(kFirstLine);
  text += fmt::format("program {}\nstore {}\ncreated {}\nidentity {}\n", manifest.program,
                      manifest.store_format, manifest.created.value, to_z32(manifest.identity));
  for (const auto& file : manifest.files) {
    text += fmt::format("file {} {} {}\n", file.bytes, to_hex(file.hash), file.path);
  }
  return text + fmt::format("{}{}\n", kChecksum, to_hex(hash(bytes_of(text))));
}

Outcome<BackupManifest> decode_manifest(std::string_view text) {
  if (!text.starts_with(kManifestTitle)) {
    return fail_with(ExitCode::usage, "the folder is no backup: its manifest is of another kind",
                     "name a folder that cipnode backup wrote");
  }
  if (!text.starts_with(kFirstLine)) {
    return of_later_version(std::string(text.substr(0, std::min(text.find('\n'), kLongestName))));
  }
  const auto body = checked_body(text);
  if (!body) return tl::unexpected(body.error());
  ManifestLines lines(body->substr(kFirstLine.size()));
  BackupManifest out;
  const auto program = lines.take("program");
  const auto format = number_of_text<std::uint32_t>(lines.take("store").value_or(""));
  const auto created = number_of_text<std::uint64_t>(lines.take("created").value_or(""));
  const auto identity = parse_key(lines.take("identity").value_or(""));
  if (!program || !format || !created || !identity)
    return damaged_manifest("its head cannot be read");
  if (*format > store::kStoreFormat) {
    return of_later_version(fmt::format("its database has format {}", *format));
  }
  out.program = std::string(*program);
  out.store_format = *format;
  out.created = UnixMillis{*created};
  out.identity = *identity;
  while (const auto line = lines.take("file")) {
    auto file = backup_file_of(*line);
    if (!file) return damaged_manifest("it names what is no file of a home");
    out.files.push_back(std::move(*file));
  }
  if (!lines.is_over()) return damaged_manifest("it has lines that nobody knows");
  if (auto whole = check_manifest(out); !whole) return tl::unexpected(whole.error());
  return out;
}

}  // namespace cip::node
