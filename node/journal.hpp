#pragma once

// The journal of systemd as the reader of what a process prints: it dates lines itself and takes
// their severity from "<N>" in front (sd-daemon(3), systemd.exec(5) "JOURNAL_STREAM").

#include <string_view>

namespace cip::node {

// Frozen: the numbers of syslog(3).
inline constexpr std::string_view kJournalError = "<3>";
inline constexpr std::string_view kJournalWarning = "<4>";
inline constexpr std::string_view kJournalInfo = "<6>";
inline constexpr std::string_view kJournalDebug = "<7>";

// Whether what is written to the descriptor goes to the journal: $JOURNAL_STREAM, "DEVICE:INODE",
// names it, and nobody has led the descriptor elsewhere since.
bool goes_to_journal(int descriptor);

}  // namespace cip::node
