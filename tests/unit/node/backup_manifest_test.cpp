// The manifest of a backup: what it says is frozen, and what is not said so is refused by name.

#include "node/backup_manifest.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace cip;
using namespace cip::node;

namespace {

BackupManifest small_manifest() {
  BackupManifest manifest;
  manifest.program = "0.1.0";
  manifest.store_format = 1;
  manifest.created = UnixMillis{1700000000000};
  manifest.identity.fill(7);
  manifest.files = {{"identity", 32, hash(bytes_of("a"))},
                    {"config.toml", 5, hash(bytes_of("b"))},
                    {"database/CURRENT", 16, hash(bytes_of("c"))},
                    {"database/000012.sst", 4096, hash(bytes_of("d"))}};
  return manifest;
}

// The text with another line in place of one, and the checksum of that.
std::string changed(const std::string& from, const std::string& to) {
  auto text = encode_manifest(small_manifest());
  text.resize(text.rfind("checksum "));
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return text + "checksum " + to_hex(hash(bytes_of(text))) + "\n";
}

ExitCode code_of(const std::string& text) {
  const auto read = decode_manifest(text);
  return read ? ExitCode::ok : read.error().code;
}

}  // namespace

TEST_CASE("a manifest is text that names every file with length and hash") {
  BackupManifest manifest = small_manifest();
  manifest.files.resize(1);
  const auto text = encode_manifest(manifest);
  CHECK(text ==
        "cipnode backup 1\n"
        "program 0.1.0\n"
        "store 1\n"
        "created 1700000000000\n"
        "identity " +
            to_z32(manifest.identity) +
            "\n"
            "file 32 " +
            to_hex(hash(bytes_of("a"))) + " identity\n" + text.substr(text.rfind("checksum ")));
}

TEST_CASE("what a manifest says is read back") {
  const auto read = decode_manifest(encode_manifest(small_manifest()));
  REQUIRE(read);
  CHECK(read->program == "0.1.0");
  CHECK(read->store_format == 1);
  CHECK(read->created == UnixMillis{1700000000000});
  CHECK(read->identity == small_manifest().identity);
  REQUIRE(read->files.size() == 4);
  CHECK(read->files[3].path == "database/000012.sst");
  CHECK(read->files[3].bytes == 4096);
  CHECK(read->files[3].hash == hash(bytes_of("d")));
}

TEST_CASE("a manifest that was cut or changed anywhere is damaged") {
  const auto whole = encode_manifest(small_manifest());
  const std::string title = "cipnode backup 1\n";
  for (std::size_t size = title.size(); size < whole.size(); ++size) {
    CHECK(code_of(whole.substr(0, size)) == ExitCode::corrupt);
  }
  for (std::size_t at = title.size(); at < whole.size(); ++at) {
    auto text = whole;
    text[at] = static_cast<char>(text[at] ^ 1);
    CHECK(code_of(text) == ExitCode::corrupt);
  }
}

TEST_CASE("a backup of a later version is incompatible, another text is no backup") {
  CHECK(code_of(changed("cipnode backup 1", "cipnode backup 2")) == ExitCode::incompatible);
  CHECK(code_of("cipnode backup 12\nwhatever") == ExitCode::incompatible);
  CHECK(code_of(changed("store 1", "store 2")) == ExitCode::incompatible);
  CHECK(code_of("") == ExitCode::usage);
  CHECK(code_of("some other manifest\n") == ExitCode::usage);
}

TEST_CASE("a manifest names files of a home alone, each once") {
  for (const char* path :
       {"../identity", "/etc/passwd", "database/../identity", "database/", "database/.hidden",
        "database/a/b", "database", "lock", "node.log", "database/a b", "identity/"}) {
    CAPTURE(path);
    CHECK(code_of(changed("config.toml", path)) == ExitCode::corrupt);
  }
  CHECK(code_of(changed("config.toml", "database/" + std::string(100, 'a'))) == ExitCode::corrupt);
  CHECK(code_of(changed("config.toml", "database/CURRENT")) == ExitCode::corrupt);
  CHECK(code_of(changed("config.toml", "database/000013.sst")) == ExitCode::ok);
}

TEST_CASE("a manifest without what a home cannot be without is damaged") {
  CHECK(code_of(changed("database/CURRENT", "database/OTHER")) == ExitCode::corrupt);
  CHECK(code_of(changed("file 32 ", "file 33 ")) == ExitCode::corrupt);
  CHECK(code_of(changed("file 32 ", "file -1 ")) == ExitCode::corrupt);
  CHECK(code_of(changed("file 32 ", "file 99999999999999999999 ")) == ExitCode::corrupt);
  CHECK(code_of(changed("file 32 ", "line 32 ")) == ExitCode::corrupt);
  CHECK(code_of(changed("created ", "made ")) == ExitCode::corrupt);
}
