#pragma once

// The whole command line behind main(): tree, parsing, help, dispatch.

#include <string>
#include <vector>

#include "cli/command_tree.hpp"
#include "cli/context.hpp"

namespace cip::cli {

// Every command, in the order of help. Each function is the file of its group of commands.
void add_join_command(CommandTree& tree);    // command_join.cpp
void add_node_commands(CommandTree& tree);   // command_node.cpp: status, peers, routes, id, …
void add_id_commands(CommandTree& tree);     // command_id.cpp
void add_health_command(CommandTree& tree);  // command_health.cpp
void add_log_commands(CommandTree& tree);    // command_log.cpp
void add_du_command(CommandTree& tree);
void add_top_command(CommandTree& tree);      // command_top.cpp
void add_config_commands(CommandTree& tree);  // command_config.cpp
void add_backup_commands(CommandTree& tree);  // command_backup.cpp: backup, restore
void add_salvage_command(CommandTree& tree);  // command_salvage.cpp
void add_doctor_command(CommandTree& tree);   // command_doctor.cpp
void add_find_command(CommandTree& tree);     // command_find.cpp
void add_record_commands(CommandTree& tree);  // command_record.cpp: put, get, announce, …
void add_feed_commands(CommandTree& tree);    // command_feed.cpp
void add_feed_transfer_commands(CommandTree& tree, CLI::App& feed);  // command_feed_transfer.cpp
void add_feed_change_commands(CommandTree& tree, CLI::App& feed);    // command_feed_change.cpp
void add_message_commands(CommandTree& tree);     // command_message.cpp: publish, subscribe
void add_topic_commands(CommandTree& tree);       // command_topic.cpp
void add_sim_commands(CommandTree& tree);         // command_sim.cpp
void add_help_command(CommandTree& tree);         // command_help.cpp
void add_completion_commands(CommandTree& tree);  // command_completion.cpp

void add_all_commands(CommandTree& tree);

// Runs one command line (without the program's name) and gives the exit code.
int run_application(const std::vector<std::string>& words, const Environment& environment,
                    Console& console, const Backend& backend);

}  // namespace cip::cli
