#pragma once

// The mark of a home: a file beside the database which is made anew when messages are published;
// the database notes which one it was (inode and time of change, which nobody can set). So a
// database tells whether it is the one of this home that published last: a copy of the home, a
// backup that was put back, in place too, and an earlier state of the home have another mark.

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

namespace cip::node {

class StoragePool;

// Empty: there is none.
std::string home_mark(const std::filesystem::path& file);
// Makes it anew; empty when that fails.
std::string renew_home_mark(const std::filesystem::path& file);

// The mark of a running node's home.
class HomeMark {
 public:
  // `pool` outlives it.
  HomeMark(StoragePool& pool, std::filesystem::path file)
      : pool_(pool), file_(std::move(file)), found_(home_mark(file_)) {}

  // As the run found it.
  const std::string& found() const { return found_; }
  // Makes it anew on the pool, in line with the directory, and tells it.
  void renew(std::function<void(std::string)> done);

 private:
  StoragePool& pool_;
  std::filesystem::path file_;
  std::string found_;
};

}  // namespace cip::node
