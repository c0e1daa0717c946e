"""Puts an entry into the database of a home that no node has open, the way RocksDB would: as one more record at the end of its newest
log. So a test makes what only another program would write.

A record is: masked CRC-32C of type and content, u32 | length of the content, u16 | type, u8 (1: whole). Its content is a batch: sequence
number, u64 | count, u32 | for each entry: 5 | family | length and bytes of the key | those of the value, numbers as varints."""
import struct

# As a new database numbers them.
META, FEEDS, TOPICS, RECORDS = range(1, 5)
LOG_BLOCK, HEADER = 32 << 10, 7
WHOLE, FIRST_PART = 1, 2


def _crc_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


CRC = list(_crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def next_sequence(log):
    """Behind all entries of a log."""
    at, found = 0, 0
    while at + HEADER <= len(log):
        left = LOG_BLOCK - at % LOG_BLOCK
        if left < HEADER:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", log, at + 4)
        if kind in (WHOLE, FIRST_PART):
            sequence, count = struct.unpack_from("<QI", log, at + HEADER)
            found = max(found, sequence + count)
        at += HEADER + size
    return found


def put(home, family, key, value):
    log = max((home / "database").glob("*.log"))
    data = log.read_bytes()
    # Tables may hold later ones than an empty log says.
    sequence = next_sequence(data) or 1 << 40
    entry = b"\x05" + varint(family) + varint(len(key)) + key + varint(len(value)) + value
    content = struct.pack("<QI", sequence, 1) + entry
    part = bytes([WHOLE]) + content
    if LOG_BLOCK - len(data) % LOG_BLOCK < HEADER + len(content):
        raise ValueError(f"no room for a whole record at the end of {log}")
    crc = crc32c(part)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    log.write_bytes(data + struct.pack("<IH", masked, len(content)) + part)
