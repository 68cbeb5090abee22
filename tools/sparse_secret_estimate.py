#!/usr/bin/python3
"""Estimates the security of bootstrapping's sparse secret: what docs/design/bootstrapping.md states.

    sparse_secret_estimate.py [--log-n 16] [--log-q 100] [--weight 32] [--sigma 3.2]

One ring-LWE instance of dimension N modulo q, with a ternary secret of the given weight. Hybrid
attacks are what threatens sparse secrets, in the two forms of Howgrave-Graham (CRYPTO 2007) and of
Albrecht (EUROCRYPT 2017) with Cheon et al. (2019):

  * k coordinates of the secret are guessed to have weight w, which happens with a probability p; the
    other n = N - k are left to the lattice;
  * primal: one BKZ reduction, and for every guess Babai's nearest plane, which needs a last
    Gram-Schmidt vector of 2 deviations of the error;
  * dual: as many short vectors as the advantage asks for, and a score for every guess;
  * guesses are counted as the square root of their number: a meet in the middle that finds its
    collisions always, for free and without memory;
  * BKZ with block size b costs 2^(0.292 b), one call of a sieve, and gives the root Hermite factor
    of Chen's thesis; profiles obey the geometric series assumption.

Each of these favours the attacker. The cost is (reduction + guesses) / p, minimised over everything.
"""

import argparse
import functools
import math


def log2_choose(n, k):
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def log2_sum(values):
    largest = max(values)
    return largest + math.log2(sum(2 ** (v - largest) for v in values))


@functools.lru_cache(maxsize=None)
def log2_delta(block):
    """Root Hermite factor of BKZ, log2 (Chen 2013)."""
    return math.log2(block / (2 * math.pi * math.e) * (math.pi * block) ** (1 / block)) / (
        2 * (block - 1)
    )


def reduction_cost(block):
    return 0.292 * block


def primal_block(n, weight, log_q, log_sigma, most_samples):
    """The least block size with which nearest plane works, over the number of samples."""
    # The secret's coordinates are scaled up to the error's size.
    log_scale = log_sigma - math.log2(math.sqrt(max(weight, 1) / n))

    def works(block):
        delta = log2_delta(block)
        # log2 of the last Gram-Schmidt norm is (m log q + n log scale) / d - d log delta.
        best = math.sqrt(max(n * (log_q - log_scale), 1) / delta)  # the d that maximises it
        d = min(max(best, n + 1), n + most_samples)
        return ((d - n) * log_q + n * log_scale) / d - d * delta >= 1 + log_sigma

    low, high = 60, 60
    while not works(high):
        high *= 2
        if high > 1 << 20:
            return None
    while low < high:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle + 1
    return low


def primal(total, log_q, weight, log_sigma, log_p, log_guesses, n, left):
    block = primal_block(n, left, log_q, log_sigma, total)
    if block is None:
        return None
    # Nearest plane in dimension d costs d^2 / 2^1.06 operations; d >= n.
    nearest_plane = 2 * math.log2(n) - 1.06
    return log2_sum([reduction_cost(block), log_guesses + nearest_plane]) - log_p, block


def dual(total, log_q, weight, log_sigma, log_p, log_guesses, n, left):
    best = None
    log_scale = log_sigma - math.log2(math.sqrt(max(left, 1) / n))
    block = 60
    while block < 4000:
        delta = log2_delta(block)
        d = min(math.sqrt(n * (log_q - log_scale) / delta), n + total)
        d = max(d, n + 1)
        # A vector of the scaled dual lattice times (e, scale s), relative to q.
        log_length = d * delta + n * (log_q - log_scale) / d
        log_ratio = log_length + log_sigma - log_q
        # Advantage exp(-2 pi^2 ratio^2).
        log_advantage = -2 * math.pi**2 * 4**log_ratio / math.log(2) if log_ratio < 10 else -1e6
        log_vectors = -2 * log_advantage + math.log2(max(log_guesses, 1) + 1)
        # A sieve gives 2^(0.2075 b) vectors at once.
        calls = max(0.0, log_vectors - 0.2075 * block)
        cost = log2_sum([reduction_cost(block) + calls, log_guesses + log_vectors]) - log_p
        if best is None or cost < best[0]:
            best = cost, block
        block = max(block + 5, int(block * 1.02))
    return best


def estimate(attack, total, log_q, weight, sigma):
    """(log2 of the cost, k, w, block size) of the cheapest parameters."""
    log_sigma = math.log2(sigma)
    best = None
    # n from a few hundred to N, in steps of 3 %.
    n = 256.0
    sizes = []
    while n < total:
        sizes.append(int(n))
        n *= 1.03
    sizes.append(total)
    for n in sizes:
        k = total - n
        guesses = []
        for w in range(0, min(weight, k) + 1):
            guesses.append(log2_choose(k, w) + w)
            # All weights up to w are tried: p is the chance of any of them.
            log_p = log2_sum(
                [
                    log2_choose(k, i) + log2_choose(n, weight - i) - log2_choose(total, weight)
                    for i in range(0, w + 1)
                    if weight - i <= n
                ]
                or [-1e6]
            )
            if log_p < -300:
                continue
            found = attack(
                total, log_q, weight, log_sigma, min(log_p, 0.0), log2_sum(guesses) / 2, n,
                weight - w,
            )
            if found and (best is None or found[0] < best[0]):
                best = found[0], k, w, found[1]
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--log-n", type=int, default=16)
    parser.add_argument("--log-q", type=float, default=100.0)
    parser.add_argument("--weight", type=int, default=32)
    parser.add_argument("--sigma", type=float, default=3.2)
    arguments = parser.parse_args()
    total = 1 << arguments.log_n
    keys = log2_choose(total, arguments.weight) + arguments.weight
    print(f"secrets of weight {arguments.weight}: 2^{keys:.1f}, in the middle 2^{keys / 2:.1f}")
    for name, attack in (("primal hybrid", primal), ("dual hybrid", dual)):
        cost, k, w, block = estimate(
            attack, total, arguments.log_q, arguments.weight, arguments.sigma
        )
        print(
            f"{name}: 2^{cost:.1f}, guessing {k} coordinates of weight at most {w}, "
            f"block size {block}"
        )


if __name__ == "__main__":
    main()
