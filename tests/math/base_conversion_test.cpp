// Every table's base conversion against exact integers of OpenSSL.
#include "math/base_conversion.h"

#include "cipherfit/base/error.h"
#include "math/primes.h"
#include "math/support.h"
#include "math/tables.h"
#include "support/integers.h"

namespace cipherfit {
namespace {

using test::Integer;
using test::integer;
using test::Random;

// (x taken centred modulo product) mod p.
std::uint64_t centred_residue(const BIGNUM* x, const BIGNUM* product, std::uint64_t p) {
    Integer value(BN_dup(x));
    Integer twice(BN_dup(x));
    BN_lshift1(twice.get(), x);
    if (BN_cmp(twice.get(), product) <= 0) {
        return BN_mod_word(value.get(), p);
    }
    BN_sub(value.get(), product, x);
    const std::uint64_t residue = BN_mod_word(value.get(), p);
    return residue == 0 ? 0 : p - residue;
}

std::vector<Modulus> moduli(const std::vector<std::uint64_t>& primes) {
    std::vector<Modulus> all;
    for (const std::uint64_t p : primes) {
        all.push_back(Modulus::create(p));
    }
    return all;
}

struct Case {
    std::vector<Modulus> sources, targets;
};

Case make_case(unsigned source_bits, std::size_t sources, unsigned target_bits,
               std::size_t targets) {
    const std::vector<std::uint64_t> from = ntt_primes(10, source_bits, sources);
    return {moduli(from), moduli(ntt_primes(10, target_bits, targets, from))};
}

std::vector<Case> cases() {
    std::vector<Case> all;
    all.push_back(make_case(50, 1, 50, 3));
    all.push_back(make_case(50, 2, 50, 2));
    all.push_back(make_case(50, 5, 40, 7));
    all.push_back(make_case(40, 10, 50, 6));
    all.push_back(make_case(49, 3, 30, 4));
    all.push_back(make_case(25, 4, 50, 2));
    all.push_back(make_case(50, 6, 50, 3));
    all.push_back(make_case(50, 13, 25, 3));
    all.push_back(make_case(50, 64, 50, 2));
    all.push_back({moduli({3, 1125899906842597}), moduli({5, 97, 1099510054913})});
    // The least targets, where roundings weigh most.
    all.push_back({moduli(ntt_primes(10, 50, 19)), moduli({3, 5, 7, 11, 13, 31})});
    return all;
}

// Whole integers below the product of the sources, and their residues.
struct Inputs {
    Integer product = integer(1);
    std::vector<Integer> integers;
    std::vector<Buffer> residues;
    std::vector<const std::uint64_t*> rows;

    Inputs(const Case& c, std::size_t n, Random& random) {
        for (const Modulus& q : c.sources) {
            BN_mul_word(product.get(), q.value);
            residues.emplace_back(n);
        }
        const int bits = BN_num_bits(product.get());
        for (std::size_t i = 0; i < n; ++i) {
            Integer x = integer(i % 8);  // small values, and their negatives
            if (i % 4 == 3) {
                BN_sub(x.get(), product.get(), integer(i + 1).get());
                BN_nnmod(x.get(), x.get(), product.get(), context.get());
            } else if (i % 4 != 0) {
                for (int drawn = 0; drawn < bits + 64; drawn += 32) {
                    BN_lshift(x.get(), x.get(), 32);
                    BN_add_word(x.get(), random() & 0xffffffffU);
                }
                BN_nnmod(x.get(), x.get(), product.get(), context.get());
            }
            for (std::size_t k = 0; k < c.sources.size(); ++k) {
                residues[k].data()[i] = BN_mod_word(x.get(), c.sources[k].value);
            }
            integers.push_back(std::move(x));
        }
        for (const Buffer& row : residues) {
            rows.push_back(row.data());
        }
    }

    test::IntegerContext context{BN_CTX_new()};
};

// The view that BaseConversion builds, computed afresh from exact integers.
struct PlainView {
    std::vector<ShoupFactor> factors, products;
    std::vector<double> inverses;
    std::vector<std::uint64_t> matrix;
    BaseConversionView view;

    PlainView(const Case& c, const BIGNUM* product) {
        for (const Modulus& p : c.targets) {
            for (const Modulus& q : c.sources) {
                matrix.push_back(residue_without(product, q, p));
            }
            products.push_back(shoup_factor(BN_mod_word(product, p.value), p));
        }
        for (const Modulus& q : c.sources) {
            factors.push_back(shoup_factor(inverse_mod(residue_without(product, q, q), q), q));
            inverses.push_back(1.0 / static_cast<double>(q.value));
        }
        view = {c.sources.size(), c.targets.size(), c.sources.data(), factors.data(),
                inverses.data(),  c.targets.data(), matrix.data(),    products.data()};
    }

    static std::uint64_t residue_without(const BIGNUM* product, const Modulus& q,
                                         const Modulus& p) {
        Integer rest(BN_dup(product));
        BN_div_word(rest.get(), q.value);
        return BN_mod_word(rest.get(), p.value);
    }
};

class BaseConversionKernel : public test::EveryTable {};
CIPHERFIT_FOR_EVERY_TABLE(BaseConversionKernel);

TEST_P(BaseConversionKernel, gives_the_centred_integer) {
    Random random(11);
    for (const Case& c : cases()) {
        for (const std::size_t n : {16U, 208U}) {
            const Inputs inputs(c, n, random);
            const PlainView plain(c, inputs.product.get());
            std::vector<Buffer> outputs;
            std::vector<std::uint64_t*> rows;
            for (std::size_t j = 0; j < c.targets.size(); ++j) {
                outputs.emplace_back(n);
            }
            for (Buffer& output : outputs) {
                rows.push_back(output.data());
            }
            table().convert_base(rows.data(), inputs.rows.data(), n, plain.view);
            for (std::size_t j = 0; j < c.targets.size(); ++j) {
                for (std::size_t i = 0; i < n; ++i) {
                    ASSERT_EQ(rows[j][i], centred_residue(inputs.integers[i].get(),
                                                          inputs.product.get(), c.targets[j].value))
                        << c.sources.size() << " sources, target " << c.targets[j].value << " at "
                        << i;
                }
            }
        }
    }
}

TEST_P(BaseConversionKernel, results_are_those_of_the_portable_kernels) {
    // Any residues at all, half of them around Q/2 where the quotient is decided by rounding.
    Random random(12);
    for (const Case& c : cases()) {
        const std::size_t n = 1024 + 16;
        const std::size_t k = c.sources.size();
        std::vector<Buffer> inputs, expected, actual;
        std::vector<const std::uint64_t*> in;
        std::vector<std::uint64_t*> expected_rows, actual_rows;
        for (const Modulus& q : c.sources) {
            inputs.push_back(test::residues(random, n, q.value));
            for (std::size_t i = 0; i < n / 2; ++i) {  // (Q -+ 1)/2 -+ i: residues of 1/2 -+ i
                const std::uint64_t half = (q.value + 1) / 2;
                inputs.back().data()[i] = subtract_mod(half, reduce(i / 2, q), q);
            }
        }
        Integer product = integer(1);
        for (std::size_t i = 0; i < k; ++i) {
            BN_mul_word(product.get(), c.sources[i].value);
            in.push_back(inputs[i].data());
        }
        const PlainView plain(c, product.get());
        for (std::size_t i = 0; i < k; ++i) {  // then those whose y are q/2 and q/2 + 1, q - 1
            const Modulus& q = c.sources[i];
            const std::uint64_t unscale = inverse_mod(plain.factors[i].value, q);
            const std::uint64_t edges[] = {q.value / 2, q.value / 2 + 1, q.value - 1};
            for (std::size_t at = 0; at < 3; ++at) {
                inputs[i].data()[n / 2 + at] = multiply_mod(edges[at], unscale, q);
            }
        }
        for (std::size_t j = 0; j < c.targets.size(); ++j) {
            expected.emplace_back(n);
            actual.emplace_back(n);
            expected_rows.push_back(expected.back().data());
            actual_rows.push_back(actual.back().data());
        }
        find_kernels("portable")->convert_base(expected_rows.data(), in.data(), n, plain.view);
        table().convert_base(actual_rows.data(), in.data(), n, plain.view);
        for (std::size_t j = 0; j < c.targets.size(); ++j) {
            ASSERT_EQ(test::words(actual[j]), test::words(expected[j]));
        }
    }
}

TEST(BaseConversion, agrees_with_exact_integers) {
    Random random(13);
    const Case c = make_case(45, 6, 50, 4);
    const std::size_t n = 64;
    const Inputs inputs(c, n, random);
    const BaseConversion conversion = BaseConversion::create(c.sources, c.targets);
    EXPECT_EQ(conversion.sources(), 6U);
    EXPECT_EQ(conversion.targets(), 4U);
    std::vector<Buffer> outputs;
    std::vector<std::uint64_t*> rows;
    for (std::size_t j = 0; j < 4; ++j) {
        outputs.emplace_back(n);
    }
    for (Buffer& output : outputs) {
        rows.push_back(output.data());
    }
    conversion.apply(rows.data(), inputs.rows.data(), n);
    for (std::size_t j = 0; j < 4; ++j) {
        for (std::size_t i = 0; i < n; ++i) {
            ASSERT_EQ(rows[j][i], centred_residue(inputs.integers[i].get(), inputs.product.get(),
                                                  c.targets[j].value));
        }
    }
}

TEST(BaseConversion, rejects_repeated_and_shared_primes) {
    const std::vector<Modulus> primes = moduli(ntt_primes(10, 50, 65));
    const std::span all(primes);
    EXPECT_THROW(BaseConversion::create({}, all.first(1)), Error);
    EXPECT_THROW(BaseConversion::create(all, {}), Error);
    EXPECT_NO_THROW(BaseConversion::create(all.first(64), all.last(1)));
    EXPECT_THROW(BaseConversion::create(all.first(3), all.subspan(2, 2)), Error);
    const std::vector<Modulus> repeated = {primes[0], primes[1], primes[0]};
    EXPECT_THROW(BaseConversion::create(repeated, all.last(1)), Error);
}

}  // namespace
}  // namespace cipherfit
