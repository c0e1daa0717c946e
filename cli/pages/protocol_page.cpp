#include "cli/pages/protocol_page.hpp"

#include "cli/pages/markdown.hpp"

namespace cip::cli::pages {

std::optional<std::string> protocol_page(std::string_view markdown, const Edition& edition) {
  auto document = read_markdown(markdown);
  if (!document || document->empty()) return std::nullopt;
  // The page's own title is in its head.
  if (const auto* title = std::get_if<Heading>(&document->front()); title && title->level == 1) {
    document->front() = Heading{2, "Description"};
  }
  return roff_page({.name = "cipnode-protocol",
                    .section = 7,
                    .summary = "what nodes of an overlay say to each other"},
                   edition, *document);
}

}  // namespace cip::cli::pages
