// The two products against plain matrix arithmetic, and the keys against what is used.
#include "cipherfit/linalg/matrix_products.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"
#include "support/training_noise.h"

#include <bit>
#include <map>

namespace cipherfit {
namespace {

using test::holds;
using test::Owner;
using test::pick;
using test::small_ring;
using test::squared;
using test::throws;

constexpr double x_scale = 0x1p38;
constexpr double u_scale = 0x1p40;
constexpr std::size_t top = 3;

struct Matrix {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> values = std::vector<double>(rows * columns);
    double& operator()(std::size_t i, std::size_t j) { return values[i * columns + j]; }
    double operator()(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
};

Matrix random_matrix(test::Random& random, std::size_t rows, std::size_t columns) {
    return {rows, columns, test::random_reals(random, rows * columns)};
}

MatrixView view(const Matrix& m) {
    return {m.values.data(), m.rows, m.columns};
}

// X U^T and E^T X by their definitions.
std::vector<double> naive_logits(const Matrix& x, const Matrix& u) {
    Matrix z{x.rows, u.rows};
    for (std::size_t i = 0; i < x.rows; ++i) {
        for (std::size_t k = 0; k < u.rows; ++k) {
            for (std::size_t j = 0; j < x.columns; ++j) {
                z(i, k) += x(i, j) * u(k, j);
            }
        }
    }
    return z.values;
}

Matrix naive_gradient(const Matrix& e, const Matrix& x) {
    Matrix g{e.columns, x.columns};
    for (std::size_t i = 0; i < x.rows; ++i) {
        for (std::size_t k = 0; k < e.columns; ++k) {
            for (std::size_t j = 0; j < x.columns; ++j) {
                g(k, j) += e(i, k) * x(i, j);
            }
        }
    }
    return g;
}

// Forward at level 3, folded at 2; errors replicated at level 2 and used there.
constexpr ProductLevels levels{
    .features = top, .forward = 3, .fold = 2, .replicate = 2, .backward = 2, .uses_forward = true};

struct Problem {
    Problem(const Owner& ring_owner, const LaneLayout& lanes, const ShiftPlan& shift_plan,
            test::Random& random)
        : owner(ring_owner),
          layout(lanes),
          plan(shift_plan),
          x(random_matrix(random, lanes.samples(), lanes.features())),
          u(random_matrix(random, lanes.classes(), lanes.features())),
          e(random_matrix(random, lanes.samples(), lanes.classes())) {
        for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
            for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
                features.push_back(
                    owner.encrypt(layout.pack_features(view(x), rho, b), levels.features, x_scale));
            }
            errors.push_back(
                owner.encrypt(layout.pack_logits(view(e), rho), levels.replicate, u_scale));
        }
        for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
            model.push_back(owner.encrypt(layout.pack_model(view(u), b), levels.forward, u_scale));
        }
    }

    struct Result {
        std::vector<Ciphertext> logits, gradient;
    };

    Result run(const EvaluationKeys& keys) const {
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        std::vector<Ciphertext> blocks;
        for (const Ciphertext& block : features) {
            blocks.push_back(block.copy());
        }
        const EncryptedFeatures encrypted(operations, layout, plan, to_handles(std::move(blocks)),
                                          true);
        Result result;
        for (const Handle& product : encrypted.multiply_model(borrow_all(model))) {
            result.logits.push_back(
                EncryptedFeatures::fold_lanes(operations, layout, operations.rescale(product))
                    .release());
        }
        std::vector<Handle> replicated;
        for (const Ciphertext& block : errors) {
            replicated.push_back(
                EncryptedFeatures::replicate_lanes(operations, layout, block.copy()));
        }
        for (const Handle& product : encrypted.multiply_errors(replicated)) {
            result.gradient.push_back(operations.rescale(product).release());
        }
        return result;
    }

    std::vector<double> logits(const Result& result) const {
        std::vector<std::vector<double>> blocks;
        for (const Ciphertext& block : result.logits) {
            blocks.push_back(owner.decrypt_real(block));
        }
        return layout.unpack_logits(blocks);
    }
    std::vector<std::vector<double>> gradient_blocks(const Result& result) const {
        std::vector<std::vector<double>> blocks;
        for (const Ciphertext& block : result.gradient) {
            blocks.push_back(owner.decrypt_real(block));
        }
        return blocks;
    }

    double logits_variance() const {
        const auto columns = static_cast<double>(layout.lane() / layout.padded_classes());
        const double fresh = owner.noise.fresh();
        // One column's products, then the rescaling, then the fold over all columns of a class.
        const double product = test::product_variance(
            owner.parameters, levels.forward,
            static_cast<double>(layout.padded_classes() * layout.feature_blocks()),
            plan.forward_baby, layout.padded_classes() / plan.forward_baby, 1, x_scale,
            fresh / squared(x_scale), 1, u_scale, fresh / squared(u_scale));
        const double scale =
            x_scale * u_scale / static_cast<double>(owner.parameters.q(levels.forward));
        return test::fold_variance(owner.parameters, levels.fold, columns, scale,
                                   product + owner.noise.rescaling() / squared(scale));
    }
    double gradient_variance() const {
        const double fresh = owner.noise.fresh() / squared(u_scale);
        const auto lanes = static_cast<double>(layout.lane() / layout.padded_classes());
        const double replicated =
            test::fold_variance(owner.parameters, levels.replicate, lanes, u_scale, fresh);
        const double product = test::product_variance(
            owner.parameters, levels.backward,
            static_cast<double>(layout.padded_classes() * layout.sample_blocks()),
            plan.backward_baby, layout.padded_classes() / plan.backward_baby, 1, x_scale,
            owner.noise.fresh() / squared(x_scale), 1, u_scale, replicated);
        const auto rows = static_cast<double>(layout.rows() / layout.padded_classes());
        const double scale =
            x_scale * u_scale / static_cast<double>(owner.parameters.q(levels.backward));
        return test::fold_variance(owner.parameters, levels.backward, rows, x_scale * u_scale,
                                   product) +
               owner.noise.rescaling() / squared(scale);
    }

    const Owner& owner;
    LaneLayout layout;
    ShiftPlan plan;
    Matrix x, u, e;
    std::vector<Ciphertext> features, errors, model;
};

testing::AssertionResult is_right(const Problem& problem, const Problem::Result& result) {
    const std::size_t classes = problem.layout.classes();
    for (const Ciphertext& block : result.gradient) {
        if (block.level() != levels.backward - 1 || block.size() != 2) {
            return testing::AssertionFailure() << "the gradient is at level " << block.level();
        }
    }
    const auto forward = test::is_at_most_noise(
        problem.logits(result), naive_logits(problem.x, problem.u), problem.logits_variance());
    if (!forward) {
        return testing::AssertionFailure() << "logits: " << forward.message();
    }
    const Matrix gradient = naive_gradient(problem.e, problem.x);
    const auto blocks = problem.gradient_blocks(result);
    const auto backward = test::is_at_most_noise(problem.layout.unpack_model(blocks),
                                                 gradient.values, problem.gradient_variance());
    if (!backward) {
        return testing::AssertionFailure() << "gradient: " << backward.message();
    }
    // In the model's layout, replicated over all rows; the halo may hold anything.
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        const auto packed = problem.layout.pack_model(view(gradient), b);
        std::vector<double> actual;
        std::vector<double> expected;
        for (std::size_t s = 0; s < packed.size(); ++s) {
            const std::size_t j = s % problem.layout.lane();
            const std::size_t k = (j + packed.size() * classes * 16 - s / problem.layout.lane()) %
                                  problem.layout.padded_classes();
            if (j + 1 >= problem.layout.padded_classes() && k < classes) {
                actual.push_back(blocks[b][s]);
                expected.push_back(packed[s]);
            }
        }
        const auto replicas = test::is_at_most_noise(actual, expected, problem.gradient_variance());
        if (!replicas) {
            return testing::AssertionFailure() << "replicas: " << replicas.message();
        }
    }
    return testing::AssertionSuccess();
}

TEST(MatrixProducts, RandomShapesAndEveryKindOfShiftPlan) {
    const Owner small(small_ring(7, top, 40, 2));
    const Owner large(small_ring(10, top, 40, 2));
    EXPECT_TRUE(holds("products", 40, [&] {
        const bool is_small = *rc::gen::arbitrary<bool>();
        const Owner& owner = is_small ? small : large;
        const std::size_t slots = owner.parameters.slots();
        const auto classes = pick<std::size_t>(1, is_small ? 5 : 13);
        const auto lanes = LaneLayout::possible_lanes(slots, classes);
        const std::size_t lane = lanes[pick<std::size_t>(0, lanes.size())];
        const auto samples = pick<std::size_t>(1, 3 * slots / lane + 1);
        const auto features = pick<std::size_t>(1, 5 * lane / 2);
        const LaneLayout layout = LaneLayout::create(slots, lane, samples, features, classes);
        const auto most = static_cast<unsigned>(std::bit_width(layout.padded_classes()));
        const unsigned inner = pick(0U, most);
        const ShiftPlan plan{.forward_baby = std::size_t{1} << pick(inner, most),
                             .backward_baby = std::size_t{1} << pick(inner, most),
                             .inner = std::size_t{1} << inner};
        RC_LOG() << samples << " x " << features << " x " << classes << ", lane " << lane << " of "
                 << slots << ", babies " << plan.forward_baby << " " << plan.backward_baby
                 << " inner " << plan.inner << '\n';
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const Problem problem(owner, layout, plan, random);
        // With the declared keys and no others.
        const EvaluationKeys keys = owner.keys(EncryptedFeatures::keys(layout, plan, levels));
        const auto right = is_right(problem, problem.run(keys));
        if (!right) {
            RC_FAIL(right.message());
        }
    }));
}

// Every declared key is used, and at the declared level: without it, or with one a level lower, the
// products fail for want of a key.
TEST(MatrixProducts, NoDeclaredKeyGoesUnused) {
    test::Random random(2);
    const Owner owner(small_ring(7, top, 40, 2));
    for (const ShiftPlan& plan :
         {ShiftPlan{1, 1, 1}, ShiftPlan{2, 4, 1}, ShiftPlan{4, 2, 2}, ShiftPlan{4, 4, 4}}) {
        const LaneLayout layout = LaneLayout::create(64, 8, 10, 7, 4);
        const Problem problem(owner, layout, plan, random);
        const KeyRequest request = EncryptedFeatures::keys(layout, plan, levels);
        std::map<KeyId, SeededSwitchingKey> made;
        for (const auto& [id, level] : request.levels()) {
            made.emplace(id, KeyGenerator(owner.key).switching_key(id, level));
        }
        const auto copy = [](const SeededSwitchingKey& key) {
            SeededSwitchingKey result{key.id, key.level, key.seed, {}};
            for (const RnsPoly& b : key.b) {
                result.b.push_back(b.copy());
            }
            return result;
        };
        for (const auto& [id, level] : request.levels()) {
            for (const bool lower : {false, true}) {
                EvaluationKeys keys(owner.parameters);
                for (const auto& [other, key] : made) {
                    if (other != id) {
                        keys.insert(expand(copy(key), owner.parameters));
                    } else if (lower) {
                        keys.insert(expand(KeyGenerator(owner.key).switching_key(id, level - 1),
                                           owner.parameters));
                    }
                }
                EXPECT_TRUE(throws(ErrorCode::missing_key, {},
                                   [&] { static_cast<void>(problem.run(keys)); }))
                    << "rotation " << id.code << " at level " << level << " of plan "
                    << plan.forward_baby << " " << plan.backward_baby << " " << plan.inner
                    << (lower ? " lowered" : " removed");
            }
        }
    }
}

TEST(MatrixProducts, BackwardOnlyNeedsNoForwardKeysOrBabies) {
    test::Random random(3);
    const Owner owner(small_ring(7, top, 40, 2));
    const LaneLayout layout = LaneLayout::create(64, 8, 10, 7, 4);
    const ShiftPlan plan{2, 2, 1};
    ProductLevels backward_levels = levels;
    backward_levels.uses_forward = false;
    const KeyRequest request = EncryptedFeatures::keys(layout, plan, backward_levels);
    EXPECT_LT(request.levels().size(),
              EncryptedFeatures::keys(layout, plan, levels).levels().size());
    const EvaluationKeys keys = owner.keys(request);
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    Problem problem(owner, layout, plan, random);
    const EncryptedFeatures features(operations, layout, plan,
                                     to_handles(std::move(problem.features)), false);
    std::vector<Handle> replicated;
    for (const Ciphertext& block : problem.errors) {
        replicated.push_back(EncryptedFeatures::replicate_lanes(operations, layout, block.copy()));
    }
    Problem::Result result;
    for (const Handle& product : features.multiply_errors(replicated)) {
        result.gradient.push_back(operations.rescale(product).release());
    }
    EXPECT_TRUE(test::is_at_most_noise(layout.unpack_model(problem.gradient_blocks(result)),
                                       naive_gradient(problem.e, problem.x).values,
                                       problem.gradient_variance()));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"backward products only"}, [&] {
        static_cast<void>(features.multiply_model(borrow_all(problem.model)));
    }));
}

TEST(MatrixProducts, SameBitsOnAnyNumberOfThreads) {
    test::Random random(4);
    const Owner owner(small_ring(8, top, 40, 2));
    const LaneLayout layout = LaneLayout::create(128, 16, 20, 30, 3);
    const ShiftPlan plan{2, 4, 2};
    const Problem problem(owner, layout, plan, random);
    const EvaluationKeys keys = owner.keys(EncryptedFeatures::keys(layout, plan, levels));
    const auto one = test::with_threads(1, [&] { return problem.run(keys); });
    const auto two = test::with_threads(2, [&] { return problem.run(keys); });
    for (std::size_t i = 0; i < one.logits.size(); ++i) {
        EXPECT_TRUE(test::same_bits(one.logits[i], two.logits[i]));
    }
    for (std::size_t i = 0; i < one.gradient.size(); ++i) {
        EXPECT_TRUE(test::same_bits(one.gradient[i], two.gradient[i]));
    }
}

TEST(MatrixProducts, RefusesPlansAndBlocksThatDoNotFit) {
    test::Random random(5);
    const Owner owner(small_ring(7, top, 40, 2));
    const LaneLayout layout = LaneLayout::create(64, 8, 10, 7, 4);
    const EvaluationKeys keys = owner.keys(EncryptedFeatures::keys(layout, {1, 1, 1}, levels));
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    const Problem problem(owner, layout, {1, 1, 1}, random);
    const auto make = [&](const ShiftPlan& plan, std::size_t blocks) {
        std::vector<Ciphertext> copies;
        for (std::size_t i = 0; i < blocks; ++i) {
            copies.push_back(problem.features[i].copy());
        }
        return EncryptedFeatures(operations, layout, plan, to_handles(std::move(copies)), true);
    };
    constexpr auto bad = ErrorCode::invalid_argument;
    const std::size_t all = problem.features.size();
    for (const ShiftPlan& plan : {ShiftPlan{8, 1, 1}, ShiftPlan{1, 8, 1}, ShiftPlan{3, 1, 1},
                                  ShiftPlan{1, 1, 2}, ShiftPlan{0, 1, 1}, ShiftPlan{1, 1, 0}}) {
        EXPECT_TRUE(throws(bad, {"baby <= 4"}, [&] { static_cast<void>(make(plan, all)); }));
    }
    EXPECT_TRUE(throws(bad, {"got 1 in all"}, [&] { static_cast<void>(make({1, 1, 1}, 1)); }));
    const EncryptedFeatures features = make({1, 1, 1}, all);
    EXPECT_TRUE(throws(bad, {"got 0"}, [&] { static_cast<void>(features.multiply_model({})); }));
    EXPECT_TRUE(throws(bad, {"got 0"}, [&] { static_cast<void>(features.multiply_errors({})); }));
}

}  // namespace
}  // namespace cipherfit
