// Products, sums of products and relinearisation.
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"

#include <cmath>

namespace cipherfit {
namespace {

using test::holds;
using test::is_noise;
using test::Owner;
using test::random_slots;
using test::Slots;
using test::small_ring;
using test::throws;

KeyRequest relinearization_at(std::size_t level) {
    KeyRequest request;
    request.relinearization(level);
    return request;
}

Slots product_of(const Slots& a, const Slots& b) {
    Slots result(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        result[i] = a[i] * b[i];
    }
    return result;
}

TEST(EvaluatorProducts, ProductsRelinearisedAndRescaled) {
    EXPECT_TRUE(holds("products", 25, [] {
        const unsigned log_n = *rc::gen::element(9U, 10U, 11U);
        const auto levels = test::pick<std::size_t>(1, 6);
        const auto digits = test::pick<unsigned>(1, static_cast<unsigned>(levels) + 2);
        const Owner owner(small_ring(log_n, levels, 40, digits));
        const auto level_a = test::pick<std::size_t>(1, levels + 1);
        const auto level_b = test::pick<std::size_t>(1, levels + 1);
        const std::size_t level = std::min(level_a, level_b);
        // A key of the product's own level or of a higher one.
        const auto key_level = test::pick(level, levels + 1);
        const EvaluationKeys keys = owner.keys(relinearization_at(key_level));
        const Evaluator evaluator(keys);
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const double scale_a = std::exp2(test::pick(35, 41));
        const double scale_b = std::exp2(test::pick(35, 41));
        const Slots a = random_slots(random, owner.parameters.slots());
        const Slots b = random_slots(random, owner.parameters.slots());

        const Ciphertext product = evaluator.multiply(owner.encrypt(a, level_a, scale_a),
                                                      owner.encrypt(b, level_b, scale_b));
        RC_ASSERT(product.size() == 3U);
        RC_ASSERT(product.level() == level);
        RC_ASSERT(product.scale() == scale_a * scale_b);
        const double fresh = owner.noise.fresh();
        const double variance = test::power(b) * fresh / (scale_a * scale_a) +
                                test::power(a) * fresh / (scale_b * scale_b);
        const Slots exact = product_of(a, b);
        const Slots before = owner.decrypt(product);
        const auto multiplied = is_noise(before, exact, variance);
        RC_ASSERT(multiplied);

        const Ciphertext relinearized = evaluator.relinearize(product);
        RC_ASSERT(relinearized.size() == 2U);
        RC_ASSERT(relinearized.level() == level);
        RC_ASSERT(relinearized.scale() == product.scale());
        const double switching =
            owner.noise.key_switching(level) / (product.scale() * product.scale());
        // Decoding doubles has its own error: log2(N) stages of relative 2^-53 each (encoder
        // tests).
        const double floating = std::exp2(-53) * 5 * log_n;
        const Slots after = owner.decrypt(relinearized);
        RC_ASSERT(test::max_abs_error(after, before) <=
                  24 * std::sqrt(switching) +
                      2 * floating * std::sqrt(test::power(exact) * static_cast<double>(a.size())));

        const Ciphertext rescaled = evaluator.relinearize_rescale(product);
        RC_ASSERT(rescaled.size() == 2U);
        RC_ASSERT(rescaled.level() == level - 1);
        const double divisor = evaluator.rescale_divisor(level);
        RC_ASSERT(rescaled.scale() == product.scale() / divisor);
        const double rounding =
            owner.noise.key_switching_rescaling(level) / (rescaled.scale() * rescaled.scale());
        const auto once = is_noise(owner.decrypt(rescaled), before, rounding);
        if (!once) {
            RC_FAIL(once.message());
        }
        // The two roundings of the long way: their difference to the short way.
        const Ciphertext twice = evaluator.rescale(relinearized);
        RC_ASSERT(twice.level() == rescaled.level());
        RC_ASSERT(twice.scale() == rescaled.scale());
        const auto long_way = is_noise(owner.decrypt(twice), before,
                                       rounding + switching);  // key switching, then rescaling
        if (!long_way) {
            RC_FAIL(long_way.message());
        }
    }));
}

TEST(EvaluatorProducts, SumsOfProductsAreTheSumsOfTheSingleProducts) {
    EXPECT_TRUE(holds("sum_of_products", 12, [] {
        const std::size_t levels = 3;
        const Owner owner(small_ring(8, levels));
        const EvaluationKeys keys(owner.parameters);
        const Evaluator evaluator(keys);
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const auto terms = test::pick<std::size_t>(1, 9);
        std::vector<Ciphertext> factors;
        std::size_t level = levels;
        for (std::size_t i = 0; i < 2 * terms; ++i) {
            const auto at = test::pick<std::size_t>(1, levels + 1);
            level = std::min(level, at);
            const double scale = i % 2 == 0 ? 0x1p40 : 0x1p38;
            factors.push_back(owner.encrypt(random_slots(random, 128), at, scale));
        }
        std::vector<Product> products;
        for (std::size_t i = 0; i < terms; ++i) {
            products.push_back({&factors[2 * i], &factors[2 * i + 1]});
        }
        const Ciphertext sum = evaluator.sum_of_products(products);
        Ciphertext expected = evaluator.multiply(factors[0], factors[1]);
        for (std::size_t i = 1; i < terms; ++i) {
            evaluator.add_inplace(expected, evaluator.multiply(factors[2 * i], factors[2 * i + 1]));
        }
        RC_ASSERT(sum.level() == level);
        RC_ASSERT(test::same_bits(sum, evaluator.drop_to_level(expected, level)));
    }));
}

// More terms than the kernel takes in one call (512 products, 1,024 in the middle part).
TEST(EvaluatorProducts, LongSumsContinueFromCallToCall) {
    test::Random random(2);
    const Owner owner(small_ring(8, 1));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    const Ciphertext a = owner.encrypt(random_slots(random, 128), 1, 0x1p35);
    const Ciphertext b = owner.encrypt(random_slots(random, 128), 1, 0x1p35);
    for (const std::size_t terms : {511U, 512U, 513U, 1025U}) {
        const std::vector<Product> products(terms, Product{&a, &b});
        const Ciphertext sum = evaluator.sum_of_products(products);
        // terms * (a b), as an integer multiple: exact.
        const Ciphertext product = evaluator.multiply(a, b);
        const Ciphertext expected =
            evaluator.multiply_scalar(product, static_cast<double>(terms), product.scale(), 1);
        EXPECT_TRUE(test::same_bits(sum, expected)) << terms;
    }
}

TEST(EvaluatorProducts, SameBitsOnAnyNumberOfThreads) {
    test::Random random(3);
    const Owner owner(small_ring(11, 3, 40, 2));
    const EvaluationKeys keys = owner.keys(relinearization_at(3));
    const Evaluator evaluator(keys);
    const Ciphertext a = owner.encrypt(random_slots(random, 1024), 3, 0x1p40);
    const Ciphertext b = owner.encrypt(random_slots(random, 1024), 3, 0x1p40);
    const auto run = [&] { return evaluator.relinearize_rescale(evaluator.multiply(a, b)); };
    EXPECT_TRUE(test::same_bits(test::with_threads(1, run), test::with_threads(2, run)));
}

TEST(EvaluatorProducts, RefusesWithValues) {
    const Owner owner(small_ring(8, 2));
    const EvaluationKeys none(owner.parameters);
    const EvaluationKeys low = owner.keys(relinearization_at(1));
    const Evaluator evaluator(none);
    const std::vector<double> values{0.5};
    const Ciphertext a = owner.encrypt(values, 2, 0x1p40);
    const Ciphertext b = owner.encrypt(values, 2, 0x1p39);
    const Ciphertext product = evaluator.multiply(a, b);
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(bad, {"3", "2", "relinearise"},
                       [&] { static_cast<void>(evaluator.multiply(product, a)); }));
    EXPECT_TRUE(throws(bad, {"term"}, [&] { static_cast<void>(evaluator.sum_of_products({})); }));
    const std::vector<Product> unequal{{&a, &b}, {&a, &a}};
    EXPECT_TRUE(throws(ErrorCode::scale_mismatch, {"2^79", "2^80", "multiply_scalar"},
                       [&] { static_cast<void>(evaluator.sum_of_products(unequal)); }));
    EXPECT_TRUE(throws(bad, {"has 2"}, [&] { static_cast<void>(evaluator.relinearize(a)); }));
    EXPECT_TRUE(throws(ErrorCode::missing_key, {"relinearisation"},
                       [&] { static_cast<void>(evaluator.relinearize(product)); }));
    EXPECT_TRUE(throws(ErrorCode::missing_key, {"relinearisation", "level 1", "2"},
                       [&] { static_cast<void>(Evaluator(low).relinearize(product)); }));
    EXPECT_TRUE(throws(ErrorCode::level_exhausted, {"level 0"}, [&] {
        static_cast<void>(Evaluator(low).relinearize_rescale(evaluator.drop_to_level(product, 0)));
    }));
}

}  // namespace
}  // namespace cipherfit
