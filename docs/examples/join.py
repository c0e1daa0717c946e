#!/usr/bin/env python3
"""A member of the overlay in the standard library of Python, written from docs/protocol.md: finds the
nodes closest to itself, answers pings and find_node, and says so as JSON lines.

    docs/examples/join.py 127.0.0.1:49737 [SECONDS]
"""
import hashlib, json, os, socket, struct, sys, time

host, port = sys.argv[1].split(":")
bootstrap, ends = (host, int(port)), time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 60)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(bootstrap)  # only to learn by which address we reach it
own = udp.getsockname()[0]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((own, 0))
addr4 = lambda at: socket.inet_aton(at[0]) + struct.pack("<H", at[1])
endpoint = lambda raw: (socket.inet_ntoa(raw[:4]), struct.unpack("<H", raw[4:6])[0])
node_id = lambda at: hashlib.blake2b(addr4(at), digest_size=32).digest()
say = lambda **event: print(json.dumps(event), flush=True)
me = node_id(udp.getsockname())
distance = lambda at, target: int.from_bytes(node_id(at), "big") ^ int.from_bytes(target, "big")
known, asked, answered, joined = {bootstrap}, {}, set(), False

def find_node(to):  # flags: id 1, internal 4, target 8
    asked[to] = struct.unpack("<H", os.urandom(2))[0]
    udp.sendto(b"\x03\x0d" + struct.pack("<H", asked[to]) + addr4(to) + me + b"\x02" + me, to)

def reply(datagram, to):
    flags, tid, at = datagram[1], datagram[2:4], 10 + 32 * (datagram[1] & 1) + 32 * (datagram[1] >> 1 & 1)
    command, target = datagram[at], datagram[at + 1:at + 33]
    head, internal = tid + addr4(to) + me, bool(flags & 4)
    if internal and command == 0:  # ping
        say(event="pinged", by="%s:%d" % to)
        udp.sendto(b"\x13\x01" + head, to)
    elif internal and command == 2 and flags & 8 and len(target) == 32:  # find_node: closer nodes are flag 4
        near = sorted(answered, key=lambda node: distance(node, target))[:20]
        udp.sendto(b"\x13" + (b"\x05" + head + bytes([len(near)]) + b"".join(map(addr4, near)) if near else b"\x01" + head), to)
    else:  # error 1, unknown command: flag 8
        udp.sendto(b"\x13\x09" + head + b"\x01", to)

udp.settimeout(0.2)
while time.monotonic() < ends:
    waiting = sorted(known - set(asked), key=lambda at: distance(at, me))
    for at in waiting[:10]:
        find_node(at)
    if not waiting and answered >= set(asked) and not joined:
        joined = say(event="joined", node=me.hex(), address="%s:%d" % udp.getsockname(), nodes=len(answered)) is None
    try:
        datagram, source = udp.recvfrom(2048)
        if datagram[0] == 0x03:
            reply(datagram, source)
        elif datagram[0] == 0x13 and asked.get(source) == struct.unpack("<H", datagram[2:4])[0]:
            answered.add(source)
            at = 10 + 32 * (datagram[1] & 1) + 32 * (datagram[1] >> 1 & 1)
            count = datagram[at] if datagram[1] & 4 else 0
            known |= {endpoint(datagram[at + 1 + 6 * i:at + 7 + 6 * i]) for i in range(count)} - {udp.getsockname()}
    except (socket.timeout, IndexError, struct.error):  # nothing came, or nonsense
        pass
