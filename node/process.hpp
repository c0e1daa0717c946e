#pragma once

// What a process of this program is before it does anything else, and what makes one a daemon.

namespace cip::node {

// Opens those of the descriptors 0, 1 and 2 that the caller closed on /dev/null, so that no lock,
// socket or database gets their numbers. Reading the one and writing the other still fails: what a
// command cannot print is an error, as it was without this.
void open_standard_streams();

// For where no memory is left: says so and ends the process with 1, as after a crash. What was
// acknowledged is on the disk.
[[noreturn]] void end_without_memory();

// In a process that start_in_background() made, before it opens anything: only the standard streams
// and `report_fd` stay open, what it makes is for its owner alone, it holds no folder but `/`, and
// `ps` shows it as cipnode.
void become_daemon(int report_fd);

}  // namespace cip::node
