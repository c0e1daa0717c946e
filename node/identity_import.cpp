#include "node/identity_import.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/text.hpp"
#include "node/identity_file.hpp"
#include "node/store_error.hpp"
#include "node/system_random.hpp"

namespace cip::node {

namespace fs = std::filesystem;

namespace {

Outcome<Bytes> read_whole(int fd) {
  Bytes out;
  std::array<std::uint8_t, 64 * 1024> piece{};
  while (out.size() <= store::kLargestIdentityExport) {
    const auto n = ::pread(fd, piece.data(), piece.size(), static_cast<off_t>(out.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return fail_with(ExitCode::internal,
                       "the file cannot be read: " + std::generic_category().message(errno));
    }
    if (n == 0) return out;
    append(out, ByteView(piece).first(static_cast<std::size_t>(n)));
  }
  return fail_with(ExitCode::usage, "the file is far too large for an exported identity",
                   "name a file that cipnode id export wrote");
}

// A random number generator that has one thing to say: the key that the home shall get.
class GivenKey final : public Random {
 public:
  explicit GivenKey(const Bytes32& key) : key_(key) {}
  void fill(MutableByteView out) override {
    std::copy_n(key_.begin(), std::min(out.size(), key_.size()), out.begin());
  }

 private:
  Bytes32 key_;
};

}  // namespace

Outcome<store::IdentityExport> parse_import(ByteView bytes) {
  auto parsed = store::parse_identity_export(bytes);
  if (parsed) return std::move(*parsed);
  const bool known = parsed.error() != store::Errc::unknown_format;
  if (known) {
    return fail_with(ExitCode::corrupt,
                     "the exported identity is damaged: not all of it is there, or it was changed",
                     "use another copy of the file");
  }
  if (text_of(bytes).starts_with("cipnode-identity")) {
    return fail_with(ExitCode::incompatible, "the identity was exported by a newer cipnode",
                     "use that version, or a newer one");
  }
  return fail_with(ExitCode::usage, "this is no exported identity",
                   "name a file that cipnode id export wrote");
}

Error other_identity(const HomePaths& paths) {
  return {ExitCode::conflict,
          fmt::format("the home {} has another identity already", paths.home.string()),
          "import into a home of its own: cipnode --home DIR id import FILE"};
}

Outcome<void> prepare_import(const HomePaths& paths, int input_fd) {
  const auto bytes = read_whole(input_fd);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto given = parse_import(*bytes);
  if (!given) return tl::unexpected(given.error());
  if (auto made = make_home(paths); !made) return made;
  // A home that lost its identity gets it back, though it has a database.
  const bool is_lost = !fs::exists(paths.identity) && !fs::exists(paths.restoring);
  if (is_lost && !lock_holder(paths)) write_identity(paths, given->primary_key);
  GivenKey key(given->primary_key);
  auto identity = open_identity(paths, key);
  if (!identity && identity.error().code == ExitCode::corrupt && !lock_holder(paths)) {
    auto aside = paths.identity;
    aside += ".damaged";
    std::error_code error;
    fs::rename(paths.identity, aside, error);
    if (!error && write_identity(paths, given->primary_key)) identity = open_identity(paths, key);
  }
  if (!identity) return tl::unexpected(identity.error());
  if (identity->primary_key != given->primary_key) return tl::unexpected(other_identity(paths));
  return {};
}

}  // namespace cip::node
