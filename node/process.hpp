#pragma once

// What a process of this program is before it does anything else, and what makes one a daemon.

namespace cip::node {

// Opens those of the descriptors 0, 1 and 2 that the caller closed on /dev/null, so that no lock,
// socket or database gets their numbers. Reading the one and writing the other still fails: what a
// command cannot print is an error, as it was without this.
void open_standard_streams();

// Where no memory is left the process says so and ends with 1, as after a crash: what was
// acknowledged is on the disk.
void end_without_memory();

// In a process that start_in_background() made, before it opens anything: only the standard streams
// and `report_fd` stay open, what it makes is for its owner alone, it holds no folder but `/`, and
// `ps` shows it as cipnode.
void become_daemon(int report_fd);

}  // namespace cip::node
