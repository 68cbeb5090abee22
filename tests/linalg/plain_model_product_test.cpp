// The product with a model in the clear, against plain arithmetic and its own keys.
#include "cipherfit/linalg/plain_model_product.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/linalg/matrix_products.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/training_noise.h"

namespace cipherfit {
namespace {

using test::Owner;
using test::squared;
using test::throws;

constexpr double scale = 0x1p38;

struct ModelProblem {
    ModelProblem(const Owner& ring_owner, const LaneLayout& lanes, test::Random& random)
        : owner(ring_owner),
          layout(lanes),
          x(test::random_reals(random, lanes.samples() * lanes.features())),
          u(test::random_reals(random, lanes.classes() * lanes.features())) {
        const MatrixView rows{x.data(), lanes.samples(), lanes.features()};
        for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
            for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
                blocks.push_back(owner.encrypt(layout.pack_features(rows, rho, b), 1, scale));
            }
        }
    }
    MatrixView model() const { return {u.data(), layout.classes(), layout.features()}; }

    std::vector<double> logits(const EvaluationKeys& keys) const {
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        std::vector<std::vector<double>> slots;
        for (const Handle& product :
             multiply_plain_model(operations, layout, borrow_all(blocks), model(), scale)) {
            slots.push_back(owner.decrypt_real(
                EncryptedFeatures::fold_lanes(operations, layout, operations.rescale(product))
                    .ciphertext()));
        }
        return layout.unpack_logits(slots);
    }
    std::vector<double> expected() const {
        std::vector<double> z(layout.samples() * layout.classes());
        for (std::size_t i = 0; i < z.size(); ++i) {
            for (std::size_t j = 0; j < layout.features(); ++j) {
                z[i] += x[i / layout.classes() * layout.features() + j] *
                        u[i % layout.classes() * layout.features() + j];
            }
        }
        return z;
    }
    // One column sums c' slots of every block, X's noise times |u| <= 1 and the encoding's times
    // |x| <= 1, and c' - 1 rotations of the sum; then the rescaling and the fold.
    double variance() const {
        const auto terms = static_cast<double>(layout.padded_classes() * layout.feature_blocks());
        const double product =
            terms * (owner.noise.fresh() + owner.noise.encoding()) / squared(scale) +
            static_cast<double>(layout.padded_classes()) * owner.noise.key_switching(1) /
                squared(scale * scale);
        const double out = scale * scale / static_cast<double>(owner.parameters.q(1));
        return test::fold_variance(owner.parameters, 0,
                                   static_cast<double>(layout.lane() / layout.padded_classes()),
                                   out, product + owner.noise.rescaling() / squared(out));
    }

    const Owner& owner;
    LaneLayout layout;
    std::vector<double> x, u;
    std::vector<Ciphertext> blocks;
};

TEST(PlainModelProduct, IsThePlainProductWithItsOwnKeysAlone) {
    const Owner owner(test::small_ring(8, 1, 38, 2));
    test::Random random(1);
    for (const std::size_t classes : {2U, 3U, 7U}) {
        for (const std::size_t lane : LaneLayout::possible_lanes(128, classes)) {
            const LaneLayout layout = LaneLayout::create(128, lane, 37, 21, classes);
            const ModelProblem problem(owner, layout, random);
            const EvaluationKeys keys = owner.keys(plain_model_keys(layout, 1, 0));
            EXPECT_TRUE(test::is_at_most_noise(problem.logits(keys), problem.expected(),
                                               problem.variance()))
                << classes << " classes, lane " << lane;
        }
    }
}

TEST(PlainModelProduct, EveryDeclaredKeyIsUsed) {
    const Owner owner(test::small_ring(7, 1, 38, 2));
    test::Random random(2);
    const LaneLayout layout = LaneLayout::create(64, 16, 10, 7, 3);
    const ModelProblem problem(owner, layout, random);
    const KeyRequest request = plain_model_keys(layout, 1, 0);
    for (const auto& [left_out, level] : request.levels()) {
        KeyRequest others;
        for (const auto& [id, at] : request.levels()) {
            if (id != left_out) {
                others.add(id, at);
            }
        }
        const EvaluationKeys keys = owner.keys(others);
        EXPECT_TRUE(
            throws(ErrorCode::missing_key, {}, [&] { static_cast<void>(problem.logits(keys)); }));
    }
}

TEST(PlainModelProduct, RefusesOtherShapes) {
    const Owner owner(test::small_ring(7, 1, 38, 2));
    test::Random random(3);
    const LaneLayout layout = LaneLayout::create(64, 16, 10, 7, 3);
    const ModelProblem problem(owner, layout, random);
    const EvaluationKeys keys = owner.keys(plain_model_keys(layout, 1, 0));
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    const std::vector<double> other(4 * 7);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"4 x 7", "3 x 7"}, [&] {
        static_cast<void>(multiply_plain_model(operations, layout, borrow_all(problem.blocks),
                                               {other.data(), 4, 7}, scale));
    }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"blocks"}, [&] {
        static_cast<void>(multiply_plain_model(operations, layout, {}, problem.model(), scale));
    }));
}

}  // namespace
}  // namespace cipherfit
