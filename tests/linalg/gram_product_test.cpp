// The Gram layout on plain slots, and its product on ciphertexts.
#include "cipherfit/linalg/gram_product.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/linalg/gram_from_features.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"
#include "support/training_noise.h"

#include <bit>

namespace cipherfit {
namespace {

using test::holds;
using test::Owner;
using test::pick;
using test::small_ring;
using test::throws;

std::vector<double> rotated(const std::vector<double>& slots, std::size_t steps) {
    std::vector<double> result(slots.size());
    for (std::size_t j = 0; j < slots.size(); ++j) {
        result[j] = slots[(j + steps) % slots.size()];
    }
    return result;
}

std::vector<double> naive_product(const std::vector<double>& k, const std::vector<double>& a,
                                  std::size_t n, std::size_t c) {
    std::vector<double> z(n * c);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            for (std::size_t m = 0; m < c; ++m) {
                z[i * c + m] += k[i * n + j] * a[j * c + m];
            }
        }
    }
    return z;
}

GramLayout pick_layout(std::size_t slots) {
    const auto classes = pick<std::size_t>(1, 10);
    const auto least = pick<std::size_t>(1, 4);
    const auto most = slots / std::bit_ceil(std::max(classes, least));
    const auto samples = pick<std::size_t>(1, most + 1);
    const GramLayout plain = GramLayout::create(slots, samples, classes, 1, least);
    const auto log_blocks = static_cast<unsigned>(std::bit_width(plain.gram_blocks()) - 1);
    return GramLayout::create(slots, samples, classes, std::size_t{1} << pick(0U, log_blocks + 1),
                              least);
}

TEST(GramLayout, ProductFoldAndReplicasOnPlainSlots) {
    EXPECT_TRUE(holds("kernel layout", 200, [] {
        const std::size_t slots = std::size_t{1} << pick(5U, 10U);
        const GramLayout layout = pick_layout(slots);
        const std::size_t n = layout.samples();
        const std::size_t c = layout.classes();
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const auto k = test::random_reals(random, n * n);
        const auto a = test::random_reals(random, n * c);
        RC_ASSERT(layout.slots() == slots);
        RC_ASSERT(layout.lanes() <= layout.rows());

        const std::size_t row = layout.lanes() * layout.padded_classes();
        const auto replicas = layout.pack_replicas({a.data(), n, c});
        std::vector<double> sum(slots);
        for (std::size_t q = 0; q < layout.gram_blocks(); ++q) {
            // Baby v: the replicas by v L rows; giant u: the products by u G L rows.
            const std::size_t v = q % layout.babies();
            const std::size_t u = q / layout.babies();
            const auto shifted = rotated(replicas, v * layout.lanes() * row);
            std::vector<double> product = layout.pack_gram({k.data(), n, n}, q);
            for (std::size_t s = 0; s < slots; ++s) {
                product[s] *= shifted[s];
            }
            product = rotated(product, u * layout.babies() * layout.lanes() * row);
            for (std::size_t s = 0; s < slots; ++s) {
                sum[s] += product[s];
            }
        }
        for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
            const auto shifted = rotated(sum, lane * layout.padded_classes());
            for (std::size_t s = 0; s < slots; ++s) {
                sum[s] += shifted[s];
            }
        }
        const auto expected = naive_product(k, a, n, c);
        const auto z = layout.unpack_values(sum);
        for (std::size_t i = 0; i < z.size(); ++i) {
            RC_ASSERT(std::abs(z[i] - expected[i]) < 1e-9);
        }

        auto values = layout.pack_values({a.data(), n, c});
        for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
            const auto shifted = rotated(values, lane * (row - layout.padded_classes()));
            for (std::size_t s = 0; s < slots; ++s) {
                values[s] += shifted[s];
            }
        }
        RC_ASSERT(values == replicas);
        const auto back = layout.unpack_replicas(replicas);
        for (std::size_t i = 0; i < a.size(); ++i) {
            RC_ASSERT(std::abs(back[i] - a[i]) < 1e-12);
        }
        const auto mask = layout.value_mask();
        RC_ASSERT(static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 1.0)) == n * c);
    }));
}

TEST(GramLayout, RefusesWhatDoesNotFit) {
    const auto creation = [](std::size_t slots, std::size_t samples, std::size_t classes,
                             std::size_t babies) {
        return [=] { static_cast<void>(GramLayout::create(slots, samples, classes, babies)); };
    };
    const auto invalid = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(invalid, {"got 0 and 3"}, creation(64, 0, 3, 1)));
    EXPECT_TRUE(throws(invalid, {"17 samples of 4 classes", "64"}, creation(64, 17, 4, 1)));
    EXPECT_TRUE(throws(invalid, {"slots"}, creation(96, 4, 4, 1)));
    EXPECT_TRUE(throws(invalid, {"baby", "3"}, creation(64, 16, 4, 3)));
    EXPECT_TRUE(throws(invalid, {"baby", "32"}, creation(64, 16, 4, 32)));
    EXPECT_TRUE(GramLayout::fits(64, 16, 4));
    EXPECT_FALSE(GramLayout::fits(64, 17, 4));
    EXPECT_TRUE(GramLayout::fits(64, 64, 1));
    EXPECT_FALSE(GramLayout::fits(64, 64, 1, 2));
    EXPECT_FALSE(GramLayout::fits(64, std::size_t{1} << 63U, 2));
    const GramLayout layout = GramLayout::create(64, 5, 3, 2);
    const std::vector<double> values(25);
    EXPECT_TRUE(throws(invalid, {"block 99"},
                       [&] { static_cast<void>(layout.pack_gram({values.data(), 5, 5}, 99)); }));
    EXPECT_TRUE(throws(invalid, {"4 x 3"},
                       [&] { static_cast<void>(layout.pack_values({values.data(), 4, 3})); }));
}

TEST(GramProduct, IsTheMatrixProductWithExactlyTheRequestedKeys) {
    EXPECT_TRUE(holds("encrypted gram product", 30, [] {
        const Owner owner(small_ring(9, 3, 40, 2));
        const GramLayout layout = pick_layout(owner.parameters.slots());
        const std::size_t n = layout.samples();
        const std::size_t c = layout.classes();
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const auto k = test::random_reals(random, n * n);
        const auto a = test::random_reals(random, n * c);
        const auto b = test::random_reals(random, n * c);
        const bool with_added = *rc::gen::arbitrary<bool>();
        const EvaluationKeys keys = owner.keys(EncryptedGram::keys(
            layout, {.product = 3, .fold = 2, .replicate = 2, .uses_product = true}));
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        constexpr double k_scale = 0x1p38;
        constexpr double a_scale = 0x1p40;
        std::vector<Ciphertext> blocks;
        for (std::size_t q = 0; q < layout.gram_blocks(); ++q) {
            blocks.push_back(owner.encrypt(layout.pack_gram({k.data(), n, n}, q), 3, k_scale));
        }
        const EncryptedGram gram(operations, layout, to_handles(std::move(blocks)));
        const Handle replicas = owner.encrypt(layout.pack_replicas({a.data(), n, c}), 3, a_scale);
        const Handle added = owner.encrypt(layout.pack_values({b.data(), n, c}), 3, 0x1p36);
        const Handle product = gram.multiply(replicas, with_added ? &added : nullptr);
        RC_ASSERT(product.level() == 2U);
        const Ciphertext folded =
            EncryptedGram::fold_lanes(operations, layout, operations.copy(product)).release();

        std::vector<double> expected = naive_product(k, a, n, c);
        for (std::size_t i = 0; with_added && i < expected.size(); ++i) {
            expected[i] += b[i];
        }
        // A term: K's error times |a| <= 1, and |k| <= 1 times the error of a rotated a; then the
        // giants' relinearisations and rotations; lanes are folded. And what is added.
        const double fresh = owner.noise.fresh();
        const double scale = folded.scale();
        const auto blocks_of_lane = static_cast<double>(layout.gram_blocks());
        const double term = fresh / test::squared(k_scale) +
                            (fresh + owner.noise.key_switching(3)) / test::squared(a_scale);
        const double lane = blocks_of_lane * term + static_cast<double>(layout.giants()) *
                                                        (owner.noise.key_switching_rescaling(3) +
                                                         owner.noise.key_switching(2)) /
                                                        test::squared(scale);
        const double variance =
            test::fold_variance(owner.parameters, 2, static_cast<double>(layout.lanes()), scale,
                                lane) +
            fresh * 0x1p-72;
        const auto right = test::is_at_most_noise(layout.unpack_values(owner.decrypt_real(folded)),
                                                  expected, variance);
        if (!right) {
            RC_FAIL(right.message());
        }

        // Replicas of values, at the level of their keys.
        const Ciphertext values = owner.encrypt(layout.pack_values({a.data(), n, c}), 2, a_scale);
        const auto copies = test::is_at_most_noise(
            owner.decrypt_real(
                EncryptedGram::replicate(operations, layout, values.copy()).ciphertext()),
            layout.pack_replicas({a.data(), n, c}),
            test::fold_variance(owner.parameters, 2, static_cast<double>(layout.lanes()), a_scale,
                                fresh / test::squared(a_scale)));
        if (!copies) {
            RC_FAIL(copies.message());
        }
    }));
}

// K = X X^T made from encrypted rows is the Gram matrix that the owner would have packed.
TEST(GramProduct, GramMatricesMadeFromFeaturesAreTheOwners) {
    EXPECT_TRUE(holds("kernel from features", 30, [] {
        const Owner owner(small_ring(8, 3, 40, 2));
        const Parameters& ring = owner.parameters;
        const GramLayout layout = pick_layout(ring.slots());
        const std::size_t n = layout.samples();
        const auto d = pick<std::size_t>(1, 40);
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const auto x = test::random_reals(random, n * d);
        std::vector<double> k(n * n);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                for (std::size_t f = 0; f < d; ++f) {
                    k[i * n + j] += x[i * d + f] * x[j * d + f];
                }
            }
        }
        const auto level = pick<std::size_t>(2, 4);
        const EvaluationKeys keys = owner.keys(gram_from_features_keys(layout, level));
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        constexpr double x_scale = 0x1p40;
        constexpr double k_scale = 0x1p37;
        std::vector<Ciphertext> rows;
        std::vector<Ciphertext> skewed;
        for (std::size_t p = 0; p < layout.feature_chunks(d); ++p) {
            rows.push_back(owner.encrypt(layout.pack_rows({x.data(), n, d}, p), level, x_scale));
            skewed.push_back(
                owner.encrypt(layout.pack_skewed_rows({x.data(), n, d}, p), level, x_scale));
        }
        const std::vector<Ciphertext> blocks = release_all(
            gram_from_features(operations, layout, borrow_all(rows), borrow_all(skewed), k_scale));
        RC_ASSERT(blocks.size() == layout.gram_blocks());

        // |x| <= 1: a product of c' features a chunk has an error in both factors, each rotated;
        // then a relinearisation and a fold, the mask's rounding, a rotation and a replication.
        const double fresh = owner.noise.fresh();
        const auto q = [&](std::size_t at) { return static_cast<double>(ring.q(at)); };
        const auto c = static_cast<double>(layout.padded_classes());
        const double product_scale = x_scale * x_scale / q(level);
        const double term = 2 * (fresh + owner.noise.key_switching(level)) / test::squared(x_scale);
        const double folded = test::fold_variance(
            ring, level - 1, c, product_scale,
            static_cast<double>(rows.size()) * term +
                owner.noise.key_switching_rescaling(level) / test::squared(product_scale));
        double largest = 0;
        for (const double value : k) {
            largest = std::max(largest, std::abs(value));
        }
        const double plain_scale = k_scale * q(level - 1) / product_scale;
        const double masked =
            folded + owner.noise.rescaling() / test::squared(k_scale) +
            test::squared(2 * largest) * owner.noise.encoding() / test::squared(plain_scale);
        const double variance = test::fold_variance(
            ring, level - 2, c, k_scale,
            masked + owner.noise.key_switching(level - 2) / test::squared(k_scale));
        for (std::size_t block = 0; block < blocks.size(); ++block) {
            RC_ASSERT(blocks[block].level() == level - 2);
            RC_ASSERT(same_scale(blocks[block].scale(), k_scale));
            const auto right =
                test::is_at_most_noise(owner.decrypt_real(blocks[block]),
                                       layout.pack_gram({k.data(), n, n}, block), variance);
            if (!right) {
                RC_FAIL(right.message());
            }
        }
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"got", "and 0"}, [&] {
            static_cast<void>(
                gram_from_features(operations, layout, borrow_all(rows), {}, k_scale));
        }));
    }));
}

TEST(GramProduct, RefusesAnotherNumberOfBlocks) {
    const Owner owner(small_ring(8, 1));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    const GramLayout layout = GramLayout::create(owner.parameters.slots(), 16, 4, 1);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"got 0"},
                       [&] { const EncryptedGram gram(operations, layout, {}); }));
}

}  // namespace
}  // namespace cipherfit
