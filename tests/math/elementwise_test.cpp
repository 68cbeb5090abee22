// Every table's element-by-element kernels against the compiler's own remainders.
#include "math/kernels/kernel_table.h"
#include "math/support.h"
#include "math/tables.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace cipherfit {
namespace {

using test::plain_multiply;
using test::Random;

constexpr std::size_t lengths[] = {16, 48, 1024 + 16};

class Elementwise : public test::EveryTable {
  protected:
    using Kernel = std::function<void(std::uint64_t* out, const std::uint64_t* a,
                                      const std::uint64_t* b, std::size_t n, const Modulus& q)>;
    using Reference =
        std::function<std::uint64_t(std::uint64_t a, std::uint64_t b, std::uint64_t q)>;

    // The kernel against the reference, into a third array and onto either input.
    static void check(const Kernel& kernel, const Reference& reference) {
        Random random(5);
        for (const std::uint64_t prime : test::assorted_primes()) {
            const Modulus q = Modulus::create(prime);
            for (const std::size_t n : lengths) {
                Buffer a = test::residues(random, n, prime, 0);
                Buffer b = test::residues(random, n, prime, 1);
                std::vector<std::uint64_t> expected(n);
                for (std::size_t i = 0; i < n; ++i) {
                    expected[i] = reference(a.data()[i], b.data()[i], prime);
                }
                Buffer out(n);
                kernel(out.data(), a.data(), b.data(), n, q);
                ASSERT_EQ(test::words(out), expected) << prime;
                Buffer a_copy = a.copy();
                kernel(a_copy.data(), a_copy.data(), b.data(), n, q);
                ASSERT_EQ(test::words(a_copy), expected) << prime << " onto the first input";
                kernel(b.data(), a.data(), b.data(), n, q);
                ASSERT_EQ(test::words(b), expected) << prime << " onto the second input";
            }
        }
    }

    // Constants that a scalar kernel meets: the edges and a middling one.
    static std::vector<ShoupFactor> factors(const Modulus& q) {
        std::vector<ShoupFactor> all;
        for (const std::uint64_t w :
             {std::uint64_t{0}, std::uint64_t{1}, q.value - 1, q.value / 2, q.value / 3}) {
            all.push_back(shoup_factor(w, q));
        }
        return all;
    }
};
CIPHERFIT_FOR_EVERY_TABLE(Elementwise);

TEST_P(Elementwise, add) {
    check(table().add, [](auto a, auto b, auto q) { return (a + b) % q; });
}

TEST_P(Elementwise, subtract) {
    check(table().subtract, [](auto a, auto b, auto q) { return (a + q - b) % q; });
}

TEST_P(Elementwise, multiply) {
    check(table().multiply, plain_multiply);
}

TEST_P(Elementwise, negate) {
    Random random(6);
    for (const std::uint64_t prime : test::assorted_primes()) {
        const Modulus q = Modulus::create(prime);
        for (const std::size_t n : lengths) {
            Buffer a = test::residues(random, n, prime);
            std::vector<std::uint64_t> expected(n);
            for (std::size_t i = 0; i < n; ++i) {
                expected[i] = (prime - a.data()[i]) % prime;
            }
            Buffer out(n);
            table().negate(out.data(), a.data(), n, q);
            ASSERT_EQ(test::words(out), expected) << prime;
            table().negate(a.data(), a.data(), n, q);
            ASSERT_EQ(test::words(a), expected) << prime;
        }
    }
}

TEST_P(Elementwise, products_with_a_constant) {
    Random random(7);
    for (const std::uint64_t prime : test::assorted_primes()) {
        const Modulus q = Modulus::create(prime);
        for (const std::size_t n : lengths) {
            for (const ShoupFactor& w : factors(q)) {
                const Buffer a = test::residues(random, n, prime, 0);
                const Buffer b = test::residues(random, n, prime, 1);
                std::vector<std::uint64_t> product(n), sum(n), difference(n);
                for (std::size_t i = 0; i < n; ++i) {
                    const std::uint64_t x = a.data()[i];
                    const std::uint64_t y = b.data()[i];
                    product[i] = plain_multiply(x, w.value, prime);
                    sum[i] = (product[i] + y) % prime;
                    difference[i] = plain_multiply(x + prime - y, w.value, prime);
                }
                Buffer out(n);
                table().multiply_scalar(out.data(), a.data(), w, n, q);
                ASSERT_EQ(test::words(out), product) << prime << " " << w.value;
                out = a.copy();
                table().multiply_scalar(out.data(), out.data(), w, n, q);
                ASSERT_EQ(test::words(out), product) << prime << " " << w.value;
                out = b.copy();
                table().multiply_scalar_add(out.data(), a.data(), w, n, q);
                ASSERT_EQ(test::words(out), sum) << prime << " " << w.value;
                table().subtract_multiply_scalar(out.data(), a.data(), b.data(), w, n, q);
                ASSERT_EQ(test::words(out), difference) << prime << " " << w.value;
                out = a.copy();
                table().subtract_multiply_scalar(out.data(), out.data(), b.data(), w, n, q);
                ASSERT_EQ(test::words(out), difference) << prime << " " << w.value;
            }
        }
    }
}

TEST_P(Elementwise, sums_of_products) {
    Random random(8);
    for (const std::uint64_t prime :
         {std::uint64_t{3}, std::uint64_t{33554467}, std::uint64_t{1099510054913},
          std::uint64_t{1125899906842597}}) {
        const Modulus q = Modulus::create(prime);
        std::vector<std::size_t> counts(21);
        std::iota(counts.begin(), counts.end(), 0U);
        counts.push_back(1024);
        for (const std::size_t terms : counts) {
            for (const bool largest : {false, true}) {
                const std::size_t n = terms == 1024 ? 48 : 1024 + 16;
                std::vector<Buffer> a, b;
                std::vector<const std::uint64_t*> a_rows, b_rows;
                const Buffer start =
                    largest ? test::constant(n, prime - 1) : test::residues(random, n, prime);
                std::vector<std::uint64_t> expected(n, 0), accumulated = test::words(start);
                for (std::size_t k = 0; k < terms; ++k) {
                    a.push_back(largest ? test::constant(n, prime - 1)
                                        : test::residues(random, n, prime, 0));
                    b.push_back(largest ? test::constant(n, prime - 1)
                                        : test::residues(random, n, prime, 1));
                    a_rows.push_back(a.back().data());
                    b_rows.push_back(b.back().data());
                    for (std::size_t i = 0; i < n; ++i) {
                        const std::uint64_t term =
                            plain_multiply(a_rows[k][i], b_rows[k][i], prime);
                        expected[i] = (expected[i] + term) % prime;
                        accumulated[i] = (accumulated[i] + term) % prime;
                    }
                }
                Buffer out = start.copy();
                table().multiply_accumulate(out.data(), a_rows.data(), b_rows.data(), terms, false,
                                            n, q);
                ASSERT_EQ(test::words(out), expected) << prime << " terms " << terms;
                out = start.copy();
                table().multiply_accumulate(out.data(), a_rows.data(), b_rows.data(), terms, true,
                                            n, q);
                ASSERT_EQ(test::words(out), accumulated) << prime << " terms " << terms;
                if (terms > 0) {  // onto an input
                    table().multiply_accumulate(a[0].data(), a_rows.data(), b_rows.data(), terms,
                                                false, n, q);
                    ASSERT_EQ(test::words(a[0]), expected) << prime << " terms " << terms;
                }
            }
        }
    }
}

TEST_P(Elementwise, permute) {
    Random random(9);
    for (const std::size_t n : lengths) {
        for (const std::size_t together : {1U, 2U, 4U, 8U}) {  // words that stay in one run
            std::vector<std::uint32_t> runs(n / together);
            std::iota(runs.begin(), runs.end(), 0U);
            std::shuffle(runs.begin(), runs.end(), random);
            std::vector<std::uint32_t> index(n);
            Buffer in(n);
            std::vector<std::uint64_t> expected(n);
            for (auto& word : in.span()) {
                word = random();
            }
            for (std::size_t i = 0; i < n; ++i) {
                const std::size_t within = (i + runs[i / together]) % together;
                index[i] = static_cast<std::uint32_t>(runs[i / together] * together + within);
                expected[i] = in.data()[index[i]];
            }
            Buffer out(n);
            table().permute(out.data(), in.data(), index.data(), n);
            ASSERT_EQ(test::words(out), expected) << together;
        }
    }
}

TEST_P(Elementwise, centred_change_of_modulus) {
    Random random(10);
    for (const std::uint64_t from : test::assorted_primes()) {
        for (const std::uint64_t to : test::assorted_primes()) {
            const Modulus source = Modulus::create(from);
            const Modulus q = Modulus::create(to);
            for (const std::size_t n : lengths) {
                Buffer a = test::residues(random, n, from);
                std::vector<std::uint64_t> expected(n);
                for (std::size_t i = 0; i < n; ++i) {
                    std::int64_t x = static_cast<std::int64_t>(a.data()[i]);
                    if (a.data()[i] > from / 2) {
                        x -= static_cast<std::int64_t>(from);
                    }
                    const auto remainder = x % static_cast<std::int64_t>(to);
                    expected[i] = static_cast<std::uint64_t>(
                        remainder < 0 ? remainder + static_cast<std::int64_t>(to) : remainder);
                }
                Buffer out(n);
                table().switch_modulus(out.data(), a.data(), n, source, q);
                ASSERT_EQ(test::words(out), expected) << from << " to " << to;
                table().switch_modulus(a.data(), a.data(), n, source, q);
                ASSERT_EQ(test::words(a), expected) << from << " to " << to;
            }
        }
    }
}

}  // namespace
}  // namespace cipherfit
