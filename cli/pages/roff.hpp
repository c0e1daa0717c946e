#pragma once

// Pages of the manual in roff with the macros of man(7), plain enough for groff and mandoc alike:
// no preprocessor, no character beyond ASCII (others are written as \[uXXXX]).

#include <string>

#include "cli/pages/document.hpp"

namespace cip::cli::pages {

struct PageHead {
  std::string name;     // "cipnode-join"
  int section = 1;      // 1 commands, 5 files, 7 conventions
  std::string summary;  // behind the name; a sentence without full stop
};
// In the foot of every page.
struct Edition {
  std::string version;  // "cipnode 0.1.0"
  std::string date;     // 2026-01-31
};

// The head and the section NAME, then the document. A table of two columns is a list of terms; of
// one with more every cell is a line behind the heading of its column.
std::string roff_page(const PageHead& head, const Edition& edition, const Document& document);

}  // namespace cip::cli::pages
