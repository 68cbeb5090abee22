"""Containers (docs/reference/format.md) changed by hand, with all digests renewed: what a server that
cheats can make."""

import hashlib
import struct

HEADER = 132  # bytes that the header's digest covers


def sections(data):
    """(tag, index, start, length) of every section but the last."""
    at, found = HEADER + 32, []
    while True:
        tag, index, length = struct.unpack_from("<4sIQ", data, at)
        if tag == b"END ":
            return found
        found.append((tag, index, at + 16, length))
        at += 16 + length + 32


def renewed(data):
    """The same bytes with every digest computed anew."""
    data = bytearray(data)
    data[HEADER:HEADER + 32] = hashlib.sha256(data[:HEADER]).digest()
    chain = hashlib.sha256(data[HEADER:HEADER + 32])
    at = HEADER + 32
    while True:
        tag, _, length = struct.unpack_from("<4sIQ", data, at)
        end = at + 16 + length
        if tag == b"END ":
            chain.update(data[at:end])
            data[end:end + 32] = chain.digest()
            return bytes(data)
        data[end:end + 32] = hashlib.sha256(data[at:end]).digest()
        chain.update(data[end:end + 32])
        at = end + 32


def forged(data, tag=b"CIPH", which=0, position=0.25, mask=1):
    """A container in which one byte of that section differs."""
    start, length = [(s, n) for t, _, s, n in sections(data) if t == tag][which]
    changed = bytearray(data)
    changed[start + 16 + int(position * (length - 16))] ^= mask
    return renewed(changed)
