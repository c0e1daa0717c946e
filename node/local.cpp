#include "node/local.hpp"

#include "base/text.hpp"
#include "node/home.hpp"
#include "node/system_random.hpp"
#include "node/version.hpp"
#include "store/backend.hpp"

namespace cip::node {

namespace {

Json paths_of(const HomePaths& paths) {
  return {{"home", paths.home.string()},
          {"identity", paths.identity.string()},
          {"database", paths.database.string()},
          {"socket", paths.socket.string()},
          {"config", paths.config.string()}};
}

Outcome<Json> identity_of(const HomePaths& paths) {
  if (auto made = make_home(paths); !made) return tl::unexpected(made.error());
  SystemRandom random;
  const auto identity = open_identity(paths, random);
  if (!identity) return tl::unexpected(identity.error());
  const auto& key = identity->peer.public_key;
  return Json{{"key", to_z32(key)}, {"keyHex", to_hex(key)}};
}

}  // namespace

Outcome<Json> answer_locally(const std::string& method, const std::filesystem::path& home) {
  const HomePaths paths(std::filesystem::absolute(home));
  if (method == "paths") return paths_of(paths);
  if (method == "id") return identity_of(paths);
  return Json{{"version", kProgramVersion},
              {"commit", kProgramCommit},
              {"protocol", kWireProtocol},
              {"storeFormat", store::kStoreFormat}};
}

}  // namespace cip::node
