#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "base/crypto.hpp"

int main(int argc, char** argv) {
  if (!cip::init_crypto()) return 1;
  return doctest::Context(argc, argv).run();
}
