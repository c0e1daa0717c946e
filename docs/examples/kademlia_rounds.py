#!/usr/bin/env python3
"""Lookups of Kademlia in synchronous rounds over ideal tables, in Python's standard library alone: a model to
check `cipnode sim routing --strategy kademlia-rounds` against, which shares no code with it.

    kademlia_rounds.py NODES [LOOKUPS [SEED [shared]]]

Ids are random numbers of 64 bits. The table of a node holds, for every number of leading bits that an id may share
with its own, 20 of those ids drawn at random, or all of them; `shared`: all tables hold the same 20. Who is asked
names the 20 closest in its table."""
import bisect
import random
import sys

K, ALPHA, BITS = 20, 10, 64


class Network:
    def __init__(self, nodes, seed, shared):
        self.shared = shared
        self.random = random.Random(seed)
        self.ids = sorted({self.random.getrandbits(BITS) for _ in range(nodes)})

    def sharing(self, key, bits):
        """The range of ids that begin like key."""
        first = key >> (BITS - bits) << (BITS - bits)
        return range(bisect.bisect_left(self.ids, first), bisect.bisect_left(self.ids, first + (1 << (BITS - bits))))

    def bucket(self, node, bits):
        members = self.sharing(node ^ (1 << (BITS - bits - 1)), bits + 1)
        if len(members) > K:  # the same each time it is looked at
            drawn_by = members if self.shared else (node, bits)
            members = random.Random(str(drawn_by)).sample(members, K)
        return [self.ids[i] for i in members]

    def named_by(self, node, target):
        """Buckets in the order of their distance from the target: the one it falls in, deeper ones, the rest."""
        shared = BITS - (node ^ target).bit_length()
        out = self.bucket(node, shared)
        deepest = shared
        while len(out) < K and len(self.sharing(node, deepest)) > 1:
            deepest += 1
            out += self.bucket(node, deepest)
        for bits in range(shared - 1, -1, -1):
            if len(out) >= K:
                break
            out += self.bucket(node, bits)
        return sorted(out, key=lambda one: one ^ target)[:K]

    def closest(self, target, count):
        bits = BITS
        while bits and len(self.sharing(target, bits)) < count:
            bits -= 1
        return sorted((self.ids[i] for i in self.sharing(target, bits)), key=lambda one: one ^ target)[:count]


def look_up(network, searcher, target):
    """Hops to the closest, hops until one of the 20 closest is named (1: the own table holds it), requests."""
    depth = dict.fromkeys(network.named_by(searcher, target), 1)
    asked = set()
    while True:
        best = sorted(depth, key=lambda one: one ^ target)[:K]
        chosen = [one for one in best if one not in asked][:ALPHA]
        if not chosen:
            break
        asked.update(chosen)
        for one in chosen:
            for other in network.named_by(one, target):
                if other != searcher:
                    depth.setdefault(other, depth[one] + 1)
    closest = [one for one in network.closest(target, K + 1) if one != searcher][:K]
    first = min(depth[one] for one in closest if one in depth)
    return depth[best[0]], first, len(asked)


def main(nodes, lookups=1000, seed=1, tables="own"):
    nodes, lookups = int(nodes), int(lookups)
    network = Network(nodes, int(seed), tables == "shared")
    draw = network.random
    results = [look_up(network, draw.choice(network.ids), draw.getrandbits(BITS)) for _ in range(lookups)]
    hops, first, requests = (sum(column) / lookups for column in zip(*results))
    print(f"nodes {nodes} hops-to-closest {hops:.3f} hops-first {first:.3f} requests {requests:.2f}")


main(*sys.argv[1:])
