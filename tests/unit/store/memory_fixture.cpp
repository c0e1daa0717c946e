#include "base/random.hpp"
#include "store/memory_backend.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::test {

namespace {

class MemoryFixture final : public BackendFixture {
 public:
  store::Backend& backend() override { return backend_; }
  void reopen() override {}

 private:
  SeededRandom random_{1};
  store::MemoryBackend backend_{random_};
};

}  // namespace

std::unique_ptr<BackendFixture> make_backend_fixture() { return std::make_unique<MemoryFixture>(); }

}  // namespace cip::test
