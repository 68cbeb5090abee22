// Parameters, keys and operands of the CKKS benchmarks, made once per ring.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/ckks/owner/encryptor.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace cipherfit::bench {

struct RingSize {
    unsigned log_n;
    std::size_t q_limbs;
};

// 128-bit parameters: q_0 of 50 bits, the others of 40, up to three digits (dnum), and the fewest
// special primes below 2^50 whose product covers the largest digit.
ParametersLiteral literal_of(const RingSize& size);

// Everything at the top level, scale 2^40, all slots filled.
struct RingFixture {
    explicit RingFixture(const RingSize& size);

    static constexpr double scale = 0x1p40;
    static constexpr int rotation = 1;

    Parameters parameters;
    std::size_t level;
    SecretKey secret;
    PublicKey public_key;
    EvaluationKeys keys;
    Evaluator evaluator;
    std::vector<double> values;
    Plaintext plaintext;
    Ciphertext a, b;
    Ciphertext product;    // of size 3
    Ciphertext two_limbs;  // a at level 1, as results are when they are decrypted
};

// The ring's fixture, which replaces the one of another ring: benchmarks ordered by ring set up
// once each and never hold two sets of keys.
const RingFixture& fixture(const RingSize& size);

}  // namespace cipherfit::bench
