// Key switching with a single digit against its definition: schoolbook products of integers.
#include "rlwe/key_switch_single.h"

#include "support/integers.h"
#include "support/key_switch_reference.h"
#include "support/rings.h"

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Integer;
using test::integer;
using test::same;
using test::small_ring;
using test::uniform_poly;

// A key of one digit with uniform halves: what is computed with it must not depend on what it
// encrypts. `limbs`: of Q_level P, from the first.
SwitchingKey uniform_key(const Ring& ring, std::size_t limbs, std::size_t level) {
    SwitchingKey key{.id = {}, .level = level, .b = {}, .a = {}};
    key.b.push_back(uniform_poly(ring, limbs, level, 11));
    key.a.push_back(uniform_poly(ring, limbs, level, 12));
    return key;
}

RnsPoly coefficients_of(const Ring& ring, const RnsPoly& values, std::size_t level) {
    RnsPoly result = values.copy();
    for (std::size_t limb = 0; limb < result.limbs(); ++limb) {
        ring.inverse(result.limb(limb), ring.prime_of_limb(limb, level));
    }
    return result;
}

std::vector<std::int64_t> centred_coefficients(const Ring& ring, const RnsPoly& coefficients) {
    std::vector<std::int64_t> result(ring.n());
    for (std::size_t k = 0; k < ring.n(); ++k) {
        result[k] = centred(coefficients.limb(0)[k], ring.modulus(0));
    }
    return result;
}

// x += sign * d * b.
void add_product(const Integer& x, std::int64_t d, const Integer& b, bool negative) {
    Integer term(BN_dup(b.get()));
    BN_mul_word(term.get(), static_cast<BN_ULONG>(d < 0 ? -d : d));
    if ((d < 0) != negative) {
        BN_sub(x.get(), x.get(), term.get());
    } else {
        BN_add(x.get(), x.get(), term.get());
    }
}

// The product of two polynomials modulo X^N + 1 over the integers.
std::vector<Integer> negacyclic(const std::vector<std::int64_t>& d, const std::vector<Integer>& b) {
    const std::size_t n = d.size();
    std::vector<Integer> product;
    for (std::size_t k = 0; k < n; ++k) {
        Integer x = integer();
        for (std::size_t i = 0; i < n; ++i) {
            add_product(x, d[i], b[(k + n - i) % n], i > k);
        }
        product.push_back(std::move(x));
    }
    return product;
}

// The integers of residues modulo the limbs of Q_level P, in [0, Q_level P), and that product.
struct Composed {
    std::vector<Integer> values;
    Integer modulus;
};
Composed compose(const Ring& ring, const RnsPoly& coefficients, std::size_t level,
                 const test::IntegerContext& context) {
    Composed result{{}, integer(1)};
    const auto prime = [&](std::size_t limb) {
        return ring.modulus(ring.prime_of_limb(limb, level)).value;
    };
    for (std::size_t limb = 0; limb < coefficients.limbs(); ++limb) {
        BN_mul_word(result.modulus.get(), prime(limb));
    }
    for (std::size_t k = 0; k < ring.n(); ++k) {
        result.values.push_back(integer());
    }
    for (std::size_t limb = 0; limb < coefficients.limbs(); ++limb) {
        // 1 modulo this prime and 0 modulo the others.
        Integer unit(BN_dup(result.modulus.get()));
        BN_div_word(unit.get(), prime(limb));
        const Integer inverse(
            BN_mod_inverse(nullptr, unit.get(), integer(prime(limb)).get(), context.get()));
        BN_mul(unit.get(), unit.get(), inverse.get(), context.get());
        for (std::size_t k = 0; k < ring.n(); ++k) {
            const Integer& x = result.values[k];
            Integer term = integer(coefficients.limb(limb)[k]);
            BN_mul(term.get(), term.get(), unit.get(), context.get());
            BN_mod_add(x.get(), x.get(), term.get(), result.modulus.get(), context.get());
        }
    }
    return result;
}

// floor((x + p/2) / p) + c for the odd p, modulo q; x is taken modulo `modulus` first.
std::uint64_t rounded_quotient(const Integer& x, const Integer& modulus, std::uint64_t p,
                               std::int64_t c, std::uint64_t q,
                               const test::IntegerContext& context) {
    Integer value(BN_dup(x.get()));
    BN_nnmod(value.get(), value.get(), modulus.get(), context.get());
    BN_add_word(value.get(), p / 2);
    BN_div_word(value.get(), p);
    add_product(value, c, integer(1), false);
    BN_nnmod(value.get(), value.get(), integer(q).get(), context.get());
    return BN_mod_word(value.get(), q);
}

struct Shape {
    std::size_t levels;
    unsigned digits;
};
constexpr std::array<Shape, 3> ring_shapes{Shape{0, 1}, Shape{3, 2}, Shape{4, 1}};

TEST(KeySwitchSingle, RoundsTheExactProductDividedByOneSpecialPrime) {
    const test::IntegerContext context(BN_CTX_new());
    for (const auto [levels, digits] : ring_shapes) {
        const Parameters parameters = small_ring(5, levels, 40, digits);
        const Ring& ring = parameters.ring();
        const std::uint64_t q = parameters.q(0);
        const std::uint64_t p = parameters.p(0);
        const RnsPoly c0 = uniform_poly(ring, levels + 1, levels, 1);
        const RnsPoly c1 = uniform_poly(ring, levels + 1, levels, 2);
        const SwitchingKey key = uniform_key(ring, 2, 0);
        const LowestPair result = switch_single(ring, c0, c1, key);

        const auto added = centred_coefficients(ring, coefficients_of(ring, c0, levels));
        const auto digit = centred_coefficients(ring, coefficients_of(ring, c1, levels));
        for (std::size_t part = 0; part < 2; ++part) {
            const Composed half = compose(
                ring, coefficients_of(ring, part == 0 ? key.b[0] : key.a[0], 0), 0, context);
            const std::vector<Integer> product = negacyclic(digit, half.values);
            ASSERT_EQ(result.at(part).limbs(), 1U);
            for (std::size_t k = 0; k < ring.n(); ++k) {
                ASSERT_EQ(result.at(part).limb(0)[k],
                          rounded_quotient(product[k], half.modulus, p, part == 0 ? added[k] : 0, q,
                                           context))
                    << "levels " << levels << " part " << part << " coefficient " << k;
            }
        }
    }
}

TEST(KeySwitchSingle, RaisesTheExactProductToEveryLevelWithKeysFromThereUp) {
    const test::IntegerContext context(BN_CTX_new());
    for (const auto [levels, digits] : ring_shapes) {
        const Parameters parameters = small_ring(5, levels, 40, digits);
        const Ring& ring = parameters.ring();
        const SwitchingKey key = uniform_key(ring, levels + 1 + ring.p_count(), levels);
        const LowestPair pair{uniform_poly(ring, 1, 0, 3), uniform_poly(ring, 1, 0, 4)};
        const auto added = centred_coefficients(ring, pair[0]);
        const auto digit = centred_coefficients(ring, pair[1]);
        Integer special = integer(1);
        for (std::size_t i = 0; i < ring.p_count(); ++i) {
            BN_mul_word(special.get(), parameters.p(i));
        }
        for (std::size_t part = 0; part < 2; ++part) {
            const Composed half =
                compose(ring, coefficients_of(ring, part == 0 ? key.b[0] : key.a[0], levels),
                        levels, context);
            std::vector<Integer> expected = negacyclic(digit, half.values);
            for (std::size_t k = 0; part == 0 && k < ring.n(); ++k) {
                add_product(expected[k], added[k], special, false);
            }
            for (std::size_t level = 0; level <= levels; ++level) {
                const RaisedPair raised = switch_single_raised(ring, pair, key, level);
                ASSERT_EQ(raised.level, level);
                ASSERT_EQ(raised.parts.at(part).limbs(), level + 1 + ring.p_count());
                const RnsPoly found = coefficients_of(ring, raised.parts.at(part), level);
                for (std::size_t limb = 0; limb < found.limbs(); ++limb) {
                    const std::uint64_t q = ring.modulus(ring.prime_of_limb(limb, level)).value;
                    for (std::size_t k = 0; k < ring.n(); ++k) {
                        Integer residue = integer();
                        BN_nnmod(residue.get(), expected[k].get(), integer(q).get(), context.get());
                        ASSERT_EQ(found.limb(limb)[k], BN_mod_word(residue.get(), q))
                            << "level " << level << " part " << part << " limb " << limb;
                    }
                }
            }
        }
    }
}

// At level 0 with one special prime there is but one digit in any case.
TEST(KeySwitchSingle, IsTheGeneralSwitchWhereThatHasOneDigit) {
    const Parameters parameters = Parameters::create(ParametersLiteral{
        .log_n = 9, .q_bits = {49}, .p_bits = {50}, .digits = 1, .insecure_for_tests_only = true});
    const Ring& ring = parameters.ring();
    const RnsPoly c0 = uniform_poly(ring, 1, 0, 1);
    const RnsPoly c1 = uniform_poly(ring, 1, 0, 2);
    const SwitchingKey key = uniform_key(ring, 2, 0);
    Decomposition digits = raise(ring, c1, 0);
    const std::vector<RnsPoly> general =
        switch_key(ring, digits, {.key = &key, .added = {&c0, nullptr}});
    const LowestPair single = switch_single(ring, c0, c1, key);
    for (std::size_t part = 0; part < 2; ++part) {
        EXPECT_TRUE(same(single.at(part), coefficients_of(ring, general[part], 0)));
    }

    const LowestPair pair{coefficients_of(ring, c0, 0), coefficients_of(ring, c1, 0)};
    const RaisedPair raised = switch_single_raised(ring, pair, key, 0);
    test::RaisedPair expected = test::inner_product(ring, digits, key);
    test::add_lifted(ring, expected.parts[0], c0, 0);
    for (std::size_t part = 0; part < 2; ++part) {
        EXPECT_TRUE(same(raised.parts.at(part), expected.parts.at(part)));
    }
}

TEST(KeySwitchSingle, GivesTheSameBitsOnAnyNumberOfThreads) {
    const Parameters parameters = small_ring(12, 3, 40, 2);
    const Ring& ring = parameters.ring();
    const RnsPoly c0 = uniform_poly(ring, 1, 0, 5);
    const RnsPoly c1 = uniform_poly(ring, 1, 0, 6);
    const SwitchingKey low = uniform_key(ring, 2, 0);
    const SwitchingKey high = uniform_key(ring, 4 + ring.p_count(), 3);
    const auto run = [&] {
        return switch_single_raised(ring, switch_single(ring, c0, c1, low), high, 3);
    };
    const RaisedPair one = test::with_threads(1, run);
    const RaisedPair two = test::with_threads(2, run);
    EXPECT_TRUE(same(one.parts[0], two.parts[0]));
    EXPECT_TRUE(same(one.parts[1], two.parts[1]));
}

}  // namespace
}  // namespace cipherfit
