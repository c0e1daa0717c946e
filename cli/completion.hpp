#pragma once

// What may stand at a place of a command line: the answer to the TAB key of a shell.

#include <string>
#include <vector>

#include "cli/command_tree.hpp"

namespace cip::cli {

struct Completion {
  std::string word;
  std::string meaning = {};  // for shells that show one
};

struct Completions {
  std::vector<Completion> words;  // those that begin with what is typed
  // What else belongs there, for which more than the tree is needed. Keys: of feeds, of peers.
  enum class Further { nothing, files, feeds, feed_keys, peer_keys, topics };
  Further further = Further::nothing;
  std::string home = {};  // that the line names; empty: none
};

// `words` are those behind the program's name, as the shell would hand them over (shell_words.hpp);
// the last is what is being typed, maybe empty.
Completions complete(const CommandTree& tree, const std::vector<std::string>& words);

// The script that makes a shell ask. nullptr: no such shell.
const char* completion_script(std::string_view shell);

}  // namespace cip::cli
