#include <doctest/doctest.h>

#include "store/rocksdb/rocks_backend.hpp"
#include "tests/unit/store/backend_fixture.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::test {

namespace {

class RocksFixture final : public BackendFixture {
 public:
  RocksFixture() { open(); }
  store::Backend& backend() override { return *backend_; }
  void reopen() override {
    backend_.reset();
    open();
  }

 private:
  void open() {
    store::RocksOptions options;
    options.folder = folder_.file("db");
    // Small enough that a test makes files, and sees runs leave the cache.
    options.write_buffer_bytes = std::size_t{1} << 20;
    options.run_cache_bytes = std::size_t{256} << 10;
    auto opened = store::open_rocks_backend(options, random_);
    REQUIRE(opened.has_value());
    backend_ = std::move(*opened);
  }

  TempFolder folder_;
  SeededRandom random_{1};
  std::unique_ptr<store::Backend> backend_;
};

}  // namespace

std::unique_ptr<BackendFixture> make_backend_fixture() { return std::make_unique<RocksFixture>(); }

}  // namespace cip::test
