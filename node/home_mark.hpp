#pragma once

// The mark of a home: a file beside the database which is made anew when messages are published;
// the database notes which one it was (inode and time of change, which nobody can set). So a
// database tells whether it is the one of this home that published last: a copy of the home, a
// backup that was put back, in place too, and an earlier state of the home have another mark.

#include <filesystem>
#include <string>

namespace cip::node {

// Empty: there is none.
std::string home_mark(const std::filesystem::path& file);
// Makes it anew; empty when that fails.
std::string renew_home_mark(const std::filesystem::path& file);

}  // namespace cip::node
