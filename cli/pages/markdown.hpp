#pragma once

// The Markdown that docs are written in: headings of #, paragraphs, blocks of code behind four
// blanks, lists of one level, tables; `code`, *emphasis*, **emphasis**, [links](…).

#include <optional>
#include <string>
#include <string_view>

#include "cli/pages/document.hpp"

namespace cip::cli::pages {

// Ends with a newline. Terms are a list.
std::string markdown_text(const Document& document);

// nullopt: there is something else in it (a fence, a list within a list).
std::optional<Document> read_markdown(std::string_view text);

}  // namespace cip::cli::pages
