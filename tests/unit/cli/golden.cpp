#include "tests/unit/cli/golden.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cip::cli::test {

void check_golden(const std::string& name, const std::string& text) {
  const auto path = std::filesystem::path(CIP_GOLDEN) / name;
  if (std::getenv("CIP_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream wanted;
  wanted << file.rdbuf();
  INFO("golden file " << name);
  CHECK(text == wanted.str());
}

}  // namespace cip::cli::test
