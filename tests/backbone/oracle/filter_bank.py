"""The filter bank of src/backbone/filter_bank.h in exact integers: prints the first two filters of
seed 1 and the SHA-256 of 64 filters of 5 x 5, as tests/backbone/filter_bank_test.cpp expects."""

import hashlib
import struct
from fractions import Fraction
from math import isqrt

MASK = (1 << 64) - 1


def splitmix64(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def nearest(numerator, squared):
    """round(numerator / sqrt(squared)), halves away from zero, by integers alone."""
    scaled = isqrt((4 * numerator * numerator) // squared)  # floor(2 |numerator| / sqrt(squared))
    return (1 if numerator >= 0 else -1) * ((scaled + 1) // 2)


def bank(seed, count, size):
    stream = splitmix64(seed)
    taps = size * size
    filters = []
    for _ in range(count):
        uniforms = [struct.unpack(">4H", next(stream).to_bytes(8, "big")) for _ in range(3 * taps)]
        g = [Fraction(sum(sum(w) for w in uniforms[3 * i : 3 * i + 3])) for i in range(taps)]
        mean = sum(g) / taps
        u = [int(taps * (x - mean)) for x in g]
        squared = sum(x * x for x in u)
        filters.append([nearest(256 * x, squared) for x in u])
    return filters


for row in bank(1, 2, 5):
    print(", ".join(str(w) for w in row))
weights = [w for row in bank(1, 64, 5) for w in row]
print(hashlib.sha256(struct.pack(f"<{len(weights)}h", *weights)).hexdigest())
