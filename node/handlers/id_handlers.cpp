// id.export, id.import: the secrets of a home out of it, and into it.

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/feed_library.hpp"
#include "node/handlers/handlers.hpp"
#include "node/identity_import.hpp"
#include "node/participant.hpp"
#include "node/storage_pool.hpp"
#include "node/store_error.hpp"
#include "node/system_random.hpp"
#include "node/topic_library.hpp"
#include "store/identity_export.hpp"

namespace cip::node {

namespace {

Outcome<Bytes32> primary_key_of(Daemon& daemon) {
  SystemRandom random;
  const auto identity = open_identity(daemon.paths(), random);
  if (!identity) return tl::unexpected(identity.error());
  return identity->primary_key;
}

class Export final : public Operation {
 public:
  Export(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {
    const auto primary_key = primary_key_of(daemon_);
    if (!primary_key) return out_.fail(primary_key.error());
    daemon_.storage().ask(store::StorageLane::directory, store::ExportIdentityOp{*primary_key},
                          alive_, [this](const Result<Bytes>& bytes) {
                            if (!bytes)
                              return out_.fail(error_from(bytes.error(), "reading the key ring"));
                            out_.data(*bytes);
                            out_.done();
                          });
  }

 private:
  Daemon& daemon_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

class Import final : public Operation {
 public:
  Import(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {}

  void handle_input(ByteView bytes) override {
    if (bytes_.size() <= store::kLargestIdentityExport) append(bytes_, bytes);
    out_.consumed(bytes.size());
  }

  void handle_input_end() override {
    auto given = parse_import(bytes_);
    if (!given) return out_.fail(std::move(given.error()));
    const auto primary_key = primary_key_of(daemon_);
    if (!primary_key) return out_.fail(primary_key.error());
    if (*primary_key != given->primary_key) return out_.fail(other_identity(daemon_.paths()));
    if (auto free = check_unused(*given); !free) return out_.fail(std::move(free.error()));
    write(std::move(*given));
  }

 private:
  // A feed of others becomes an own one only while nobody has it open as the former.
  Outcome<void> check_unused(const store::IdentityExport& given) {
    const auto& open = daemon_.feeds().open_feeds();
    for (const auto& feed : given.feeds) {
      for (const auto& [number, used] : open) {
        if (used.record.writable || used.record.key != feed.record.key) continue;
        return fail_with(ExitCode::busy,
                         fmt::format("the feed {} is in use here", to_z32(feed.record.key)),
                         "stop the node with: cipnode stop, then import again");
      }
    }
    return {};
  }

  void write(store::IdentityExport given) {
    daemon_.storage().ask(store::StorageLane::directory, store::ImportIdentityOp{std::move(given)},
                          alive_, [this](const Result<store::Imported>& done) {
                            if (!done)
                              return out_.fail(error_from(done.error(), "writing the key ring"));
                            take_up(*done);
                          });
  }

  // What is new here is served and announced from now on, as after a restart.
  void take_up(const store::Imported& imported) {
    for (const auto& key : imported.feeds) {
      FeedQuery query;
      query.key = key;
      query.create = false;
      daemon_.feeds().open(std::move(query), command_, [](const auto&) {});
    }
    for (const auto& topic : imported.topics) {
      if (const auto known = parse_topic(name_of(topic).text)) {
        daemon_.topics().join(*known, false, [](const auto&) {});
      }
    }
    Json result = Json::object();
    add_key(result, daemon_.identity().public_key);
    result["feeds"] = imported.feeds.size();
    result["topics"] = imported.topics.size();
    result["keys"] = imported.keys;
    result["renamed"] = imported.renamed;
    out_.result(result);
    out_.done();
  }

  Daemon& daemon_;
  Bytes bytes_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_id_handlers(HandlerTable& table) {
  table["id.export"] = factory_of<Export>();
  table["id.import"] = factory_of<Import>();
}

}  // namespace cip::node
