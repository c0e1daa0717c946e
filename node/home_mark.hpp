#pragma once

// A file beside the database, `database.mark`, which is made anew by each run that publishes; the
// database notes which one it was (inode and time of change, which nobody can set). So a database
// tells whether it is the one of this home that published last: a copy of the home, a backup that
// was restored, in place too, and a home whose earlier state was put back have another mark.

#include <filesystem>
#include <string>

namespace cip::node {

class HomeMark {
 public:
  explicit HomeMark(std::filesystem::path file);
  // Empty: there is none.
  const std::string& get() const { return mark_; }
  // Whether this run has made it.
  bool is_fresh() const { return fresh_; }
  // Makes it anew; it is empty when that fails.
  void renew();

 private:
  void look();

  std::filesystem::path file_;
  std::string mark_;
  bool fresh_ = false;
};

}  // namespace cip::node
