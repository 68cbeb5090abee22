// Parameters of the ring, from an unchecked literal to an immutable validated object.
//
// The ciphertext modulus is Q = q_0 q_1 ... q_L. A ciphertext at level l lives modulo
// q_0 ... q_l. Key switching (Han and Ki, CT-RSA 2020: "hybrid") cuts the q's into `digits`
// groups and works modulo Q P, where P is the product of the special primes.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cipherfit {

class Ring;

// Largest log2(QP) at 128-bit classical security for a uniform ternary secret and sigma = 3.2
// (Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption", ePrint 2024/463,
// Table 5.2). Throws Error(invalid_argument) outside 12 <= log_n <= 17.
double largest_secure_log_qp(unsigned log_n);

// What a user writes: sizes of primes in bits. q_bits[0] is the last prime to remain.
struct ParametersLiteral {
    unsigned log_n = 0;            // 12 to 17
    std::vector<unsigned> q_bits;  // 20 to 50 each; one prime per level, plus one
    std::vector<unsigned> p_bits;  // special primes; their product must cover the largest digit
    unsigned digits = 1;           // dnum, 1 to the number of q's
    // Skips the security table and allows log_n from 5. For tests on small rings only: whatever is
    // made under such parameters carries a mark that every file records.
    bool insecure_for_tests_only = false;
};

// The same with the primes chosen: what files carry.
struct ParametersPrimes {
    unsigned log_n = 0;
    std::vector<std::uint64_t> q, p;
    unsigned digits = 1;
    bool insecure_for_tests_only = false;
};

// Immutable and cheap to copy: all copies share one set of tables. Valid from birth.
class Parameters {
  public:
    // Chooses primes = 1 mod 2N, below 2^50, nearest to the asked powers of two. Throws
    // Error(invalid_argument) for sizes out of range or special primes that do not cover the
    // largest digit, Error(insecure_parameters) above the table's log2(QP).
    static Parameters create(const ParametersLiteral& literal);
    // The same checks on given primes.
    static Parameters create(const ParametersPrimes& primes);
    // For bytes from outside: never throws.
    static Expected<Parameters> from_bytes(std::span<const std::uint8_t> bytes);
    std::vector<std::uint8_t> to_bytes() const;

    unsigned log_n() const noexcept;
    std::size_t n() const noexcept;
    std::size_t slots() const noexcept { return n() / 2; }
    // The highest level L: ciphertexts have at most L + 1 limbs and L rescalings.
    std::size_t max_level() const noexcept;
    std::size_t special_primes() const noexcept;
    std::uint64_t q(std::size_t i) const noexcept;
    std::uint64_t p(std::size_t i) const noexcept;
    // dnum, the limbs of a full digit, and the digits in use at a level.
    std::size_t digits() const noexcept;
    std::size_t digit_size() const noexcept;
    std::size_t digits_at(std::size_t level) const noexcept;
    // log2 of q_0 ... q_level, and of QP.
    double log_q(std::size_t level) const noexcept;
    double log_qp() const noexcept;
    // 128 where log2(QP) is within the table, 0 for test-only parameters.
    unsigned security_bits() const noexcept;
    bool insecure_for_tests_only() const noexcept;
    // SHA-256 of to_bytes().
    const Digest& fingerprint() const noexcept;

    friend bool operator==(const Parameters& a, const Parameters& b) noexcept {
        return a.fingerprint() == b.fingerprint();
    }

    // The tables behind the parameters; internal (src/rlwe/ring.h).
    const Ring& ring() const noexcept { return *ring_; }

  private:
    struct Data;
    Parameters(std::shared_ptr<const Data> data, std::shared_ptr<const Ring> ring);
    std::shared_ptr<const Data> data_;
    std::shared_ptr<const Ring> ring_;
};

}  // namespace cipherfit
