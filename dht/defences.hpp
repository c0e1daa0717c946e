#pragma once

// The counter-measures of a node against the weaknesses of this network, each with a switch. All
// are on; they are switched off only by tests/abuse, which show that without them the attack works.
// Numbers are those of the list of known weaknesses (dht.md 20).

namespace cip::dht {

struct Defences {
  bool careful_hints = true;     // 1: down hints of members alone, judged by the answer itself
  bool match_source = true;      // 2: an answer comes from the address that was asked
  bool random_tids = true;       // 2: the next tid is not the last plus 1
  bool vote_per_subnet = true;   // 3: one vote per /24 on the own address
  bool table_caps = true;        // 4: contacts per IP and /24 in a bucket
  bool spread_walks = true;      // 4: walks go on until k independent nodes answered; puts go there
  bool doubt_density = true;     // 4: nodes implausibly close to a target are not independent
  bool remember_dead = true;     // 7: dead addresses are not asked again for some minutes
  bool answer_budget = true;     // 9: bytes to addresses that nobody proved
  bool relay_limits = true;      // 9: relayed messages per source and destination
  bool relay_memory = true;      // 9: only answers to what was relayed are carried back
  bool store_quota = true;       // 15: entries per source and generation
  bool keep_closest = true;      // 15: a full table keeps what is closest to the own id
  bool store_rate = true;        // 15: storing commands per source and second
  bool token_binds_port = true;  // 16: a token is good for one port of an address
};

}  // namespace cip::dht
