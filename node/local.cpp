#include "node/local.hpp"

#include "base/text.hpp"
#include "node/home.hpp"
#include "node/operation.hpp"
#include "node/salvage.hpp"
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
  // What is there is read, also where nothing may be written.
  std::error_code error;
  auto ready =
      std::filesystem::exists(paths.identity, error) ? check_home_owner(paths) : make_home(paths);
  if (!ready) return tl::unexpected(ready.error());
  SystemRandom random;
  const auto identity = open_identity(paths, random);
  if (!identity) return tl::unexpected(identity.error());
  const auto& key = identity->peer.public_key;
  return Json{{"key", to_z32(key)}, {"keyHex", to_hex(key)}};
}

Outcome<LocalAnswer> one(Outcome<Json> answer) {
  if (!answer) return tl::unexpected(answer.error());
  return LocalAnswer{{std::move(*answer)}, {}};
}

}  // namespace

Outcome<LocalAnswer> answer_locally(const Request& request, const std::filesystem::path& home) {
  const HomePaths paths(std::filesystem::absolute(home));
  if (request.method == "paths") return one(paths_of(paths));
  if (request.method == "id") return one(identity_of(paths));
  if (request.method == "salvage") {
    Params params(request.params);
    const auto target = params.required_text("dir");
    if (params.error()) return tl::unexpected(*params.error());
    return salvage(home, target);
  }
  return one(Json{{"version", kProgramVersion},
                  {"commit", kProgramCommit},
                  {"protocol", kWireProtocol},
                  {"storeFormat", store::kStoreFormat}});
}

}  // namespace cip::node
