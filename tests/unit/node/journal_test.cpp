#include "node/journal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/unit/node/support.hpp"

namespace cip::node {

TEST_CASE("a descriptor is the journal's when it is the very file that JOURNAL_STREAM names") {
  const test::TemporaryDirectory folder;
  const auto file = (folder.path() / "stream").string();
  const int fd = ::open(file.c_str(), O_CREAT | O_RDWR, 0600);
  REQUIRE(fd >= 0);
  struct stat info {};
  REQUIRE(::fstat(fd, &info) == 0);
  const auto device = std::to_string(info.st_dev), inode = std::to_string(info.st_ino);

  ::setenv("JOURNAL_STREAM", (device + ":" + inode).c_str(), 1);
  CHECK(goes_to_journal(fd));
  for (const std::string& other :
       {device + ":" + inode + "1", device, std::string(), inode + ":" + device}) {
    CAPTURE(other);
    ::setenv("JOURNAL_STREAM", other.c_str(), 1);
    CHECK_FALSE(goes_to_journal(fd));
  }
  ::unsetenv("JOURNAL_STREAM");
  CHECK_FALSE(goes_to_journal(fd));
  ::setenv("JOURNAL_STREAM", (device + ":" + inode).c_str(), 1);
  ::close(fd);
  CHECK_FALSE(goes_to_journal(fd));
  ::unsetenv("JOURNAL_STREAM");
}

}  // namespace cip::node
