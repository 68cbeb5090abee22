// Every table's transforms against evaluation of the polynomial, for every ring degree.
#include "math/ntt.h"

#include "cipherfit/base/error.h"
#include "math/primes.h"
#include "math/support.h"
#include "math/tables.h"

#include <map>
#include <memory>

namespace cipherfit {
namespace {

using test::Random;

std::size_t reverse_bits(std::size_t i, unsigned bits) {
    std::size_t reversed = 0;
    for (unsigned b = 0; b < bits; ++b) {
        reversed |= ((i >> b) & 1U) << (bits - 1 - b);
    }
    return reversed;
}

// Primes for the degree, up to 2^50: small ones, and the nearest to where lazy ranges change.
std::vector<std::uint64_t> primes_for(unsigned log_n) {
    std::vector<std::uint64_t> primes;
    std::uint64_t smallest = (std::uint64_t{2} << log_n) + 1;
    while (!is_prime(smallest)) {
        smallest += std::uint64_t{2} << log_n;
    }
    primes.push_back(smallest);
    for (const unsigned bits : {30U, 45U, 48U, 49U, 50U}) {
        for (const std::uint64_t p : ntt_primes(log_n, bits, 2)) {
            primes.push_back(p);
        }
    }
    return primes;
}

const NttTables& tables_for(std::uint64_t q, unsigned log_n) {
    static std::map<std::pair<std::uint64_t, unsigned>, std::unique_ptr<NttTables>> made;
    auto& tables = made[{q, log_n}];
    if (!tables) {
        tables = std::make_unique<NttTables>(NttTables::create(Modulus::create(q), log_n));
    }
    return *tables;
}

// Inputs that strain the lazy ranges, and random ones.
std::vector<Buffer> inputs_for(Random& random, std::size_t n, std::uint64_t q) {
    std::vector<Buffer> inputs;
    inputs.push_back(test::constant(n, 0));
    inputs.push_back(test::constant(n, q - 1));
    Buffer alternating = test::constant(n, 0);
    Buffer halves = test::constant(n, q - 1);
    for (std::size_t i = 0; i < n; ++i) {
        alternating.data()[i] = i % 2 == 0 ? q - 1 : 0;
        halves.data()[i] = i < n / 2 ? q - 1 : 0;
    }
    inputs.push_back(std::move(alternating));
    inputs.push_back(std::move(halves));
    inputs.push_back(test::residues(random, n, q));
    return inputs;
}

class Ntt : public test::EveryTable {};
CIPHERFIT_FOR_EVERY_TABLE(Ntt);

TEST(NttTables, hold_powers_of_a_primitive_root_in_reversed_order) {
    for (const unsigned log_n : {4U, 9U, 17U}) {
        const std::size_t n = std::size_t{1} << log_n;
        const std::uint64_t q = ntt_primes(log_n, 50, 1)[0];
        const NttTables tables = NttTables::create(Modulus::create(q), log_n);
        const std::uint64_t psi = tables.roots()[n / 2];
        EXPECT_EQ(test::plain_power(psi, n, q), q - 1);
        for (std::size_t i = 0; i < n; i += 1 + n / 64) {
            const std::uint64_t root = tables.roots()[i];
            const std::uint64_t inverse = tables.inverse_roots()[i];
            EXPECT_EQ(root, test::plain_power(psi, reverse_bits(i, log_n), q));
            EXPECT_EQ(test::plain_multiply(root, inverse, q), 1U);
            EXPECT_EQ(tables.root_quotients()[i],
                      static_cast<std::uint64_t>((test::Wide{root} << 64U) / q));
            EXPECT_EQ(tables.inverse_root_quotients()[i],
                      static_cast<std::uint64_t>((test::Wide{inverse} << 64U) / q));
        }
        EXPECT_EQ(test::plain_multiply(tables.inverse_n().value, n, q), 1U);
        EXPECT_EQ(test::plain_multiply(tables.inverse_n_root().value,
                                       test::plain_multiply(tables.roots()[1], n, q), q),
                  1U);
    }
}

TEST(NttTables, reject_unsuitable_moduli_and_degrees) {
    const Modulus suitable = Modulus::create(ntt_primes(12, 40, 1)[0]);
    EXPECT_NO_THROW(NttTables::create(suitable, 12));
    EXPECT_THROW(NttTables::create(suitable, 3), Error);
    EXPECT_THROW(NttTables::create(suitable, 18), Error);
    EXPECT_THROW(NttTables::create(Modulus::create(1073741789), 12), Error);  // prime, not 1 mod 2N
    EXPECT_THROW(NttTables::create(Modulus::create(8193), 12), Error);        // 3 * 2731
}

TEST_P(Ntt, forward_evaluates_at_odd_powers_of_psi) {
    Random random(1);
    for (unsigned log_n = 4; log_n <= 17; ++log_n) {
        const std::size_t n = std::size_t{1} << log_n;
        for (const std::uint64_t q : primes_for(log_n)) {
            const NttTables& tables = tables_for(q, log_n);
            const std::uint64_t psi = tables.roots()[n / 2];
            const Buffer input = test::residues(random, n, q);
            Buffer values = input.copy();
            table().ntt_forward(values.data(), tables);
            const std::size_t samples = log_n <= 7 ? n : 4;
            for (std::size_t sample = 0; sample < samples; ++sample) {
                const std::size_t at = samples == n ? sample : test::random_below(random, n);
                const std::uint64_t point =
                    test::plain_power(psi, 2 * reverse_bits(at, log_n) + 1, q);
                std::uint64_t expected = 0;
                for (std::size_t i = n; i-- > 0;) {
                    expected = (test::plain_multiply(expected, point, q) + input.data()[i]) % q;
                }
                ASSERT_EQ(values.data()[at], expected)
                    << "log_n " << log_n << " q " << q << " at " << at;
            }
        }
    }
}

TEST_P(Ntt, results_are_those_of_the_portable_kernels) {
    const KernelTable& portable = *find_kernels("portable");
    Random random(2);
    for (unsigned log_n = 4; log_n <= 17; ++log_n) {
        const std::size_t n = std::size_t{1} << log_n;
        for (const std::uint64_t q : primes_for(log_n)) {
            const NttTables& tables = tables_for(q, log_n);
            for (const Buffer& input : inputs_for(random, n, q)) {
                Buffer expected = input.copy();
                Buffer actual = input.copy();
                portable.ntt_forward(expected.data(), tables);
                table().ntt_forward(actual.data(), tables);
                ASSERT_EQ(test::words(actual), test::words(expected)) << log_n << " " << q;
                expected = input.copy();
                actual = input.copy();
                portable.ntt_inverse(expected.data(), tables);
                table().ntt_inverse(actual.data(), tables);
                ASSERT_EQ(test::words(actual), test::words(expected)) << log_n << " " << q;
            }
        }
    }
}

TEST_P(Ntt, inverse_undoes_forward_and_forward_undoes_inverse) {
    Random random(3);
    for (unsigned log_n = 4; log_n <= 17; ++log_n) {
        const std::size_t n = std::size_t{1} << log_n;
        for (const std::uint64_t q : primes_for(log_n)) {
            const NttTables& tables = tables_for(q, log_n);
            for (const Buffer& input : inputs_for(random, n, q)) {
                Buffer values = input.copy();
                table().ntt_forward(values.data(), tables);
                table().ntt_inverse(values.data(), tables);
                ASSERT_EQ(test::words(values), test::words(input)) << log_n << " " << q;
                table().ntt_inverse(values.data(), tables);
                table().ntt_forward(values.data(), tables);
                ASSERT_EQ(test::words(values), test::words(input)) << log_n << " " << q;
            }
        }
    }
}

TEST_P(Ntt, products_of_values_are_negacyclic_convolutions) {
    Random random(4);
    for (unsigned log_n = 4; log_n <= 9; ++log_n) {
        const std::size_t n = std::size_t{1} << log_n;
        for (const std::uint64_t q : primes_for(log_n)) {
            const NttTables& tables = tables_for(q, log_n);
            Buffer a = test::residues(random, n, q);
            Buffer b = test::residues(random, n, q, 1);
            std::vector<std::uint64_t> expected(n, 0);
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t j = 0; j < n; ++j) {
                    const std::uint64_t term = test::plain_multiply(a.data()[i], b.data()[j], q);
                    std::uint64_t& sum = expected[(i + j) % n];
                    sum = (i + j < n ? sum + term : sum + q - term) % q;
                }
            }
            table().ntt_forward(a.data(), tables);
            table().ntt_forward(b.data(), tables);
            table().multiply(a.data(), a.data(), b.data(), n, tables.modulus());
            table().ntt_inverse(a.data(), tables);
            ASSERT_EQ(test::words(a), expected) << log_n << " " << q;
        }
    }
}

}  // namespace
}  // namespace cipherfit
