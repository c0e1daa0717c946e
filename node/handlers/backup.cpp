// backup: the files of the database are told and held still while the command copies them.

#include "node/daemon.hpp"
#include "node/database_keeper.hpp"
#include "node/handlers/handlers.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {

Json files_told(const store::PinnedFiles& pinned) {
  Json files = Json::array();
  for (const auto& file : pinned.files) {
    Json entry{{"name", file.name}, {"bytes", file.size}};
    if (!file.contents.empty()) entry["contents"] = file.contents;
    files.push_back(std::move(entry));
  }
  return {{"folder", pinned.folder}, {"files", std::move(files)}};
}

// It ends when its one result was dealt with: then all is copied.
class Backup final : public Operation {
 public:
  Backup(Daemon& daemon, Params&, Output& out) : Operation(out), daemon_(daemon) {}

  void start() override {
    daemon_.database().hold_files(
        [this, alive = std::weak_ptr(alive_)](const Result<DatabaseKeeper::FilesHeld>& held) {
          if (alive.expired()) return;
          if (!held) return out_.fail(error_from(held.error(), "holding the database still"));
          held_ = *held;
          out_.result(files_told(*held_));
          look();
        });
  }

  void handle_room() override { look(); }

 private:
  void look() {
    if (!held_ || out_.taken() < out_.put()) return;
    held_.reset();
    out_.done();
  }

  Daemon& daemon_;
  DatabaseKeeper::FilesHeld held_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

void add_backup_handlers(HandlerTable& table) { table["backup"] = factory_of<Backup>(); }

}  // namespace cip::node
