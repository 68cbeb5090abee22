// What a plan says it costs against what is made and done.
#include "cipherfit/train/cost.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/buffer.h"
#include "support/property.h"
#include "support/solvers.h"
#include "support/training_run.h"
#include "train/work_estimate.h"

#include <bit>

namespace cipherfit {
namespace {

using test::holds;
using test::pick;
using test::TrainingRun;

PlanOptions cost_options(unsigned log_n) {
    PlanOptions options;
    options.solver = "primal";
    options.log_n = log_n;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::never;
    return options;
}

// Bits of all residues of some polynomials whose limbs are q_0, q_1, ...
double packed_bytes(const TrainingRun& run, const RnsPoly& poly) {
    double bits = 0;
    for (std::size_t i = 0; i < poly.limbs(); ++i) {
        bits += static_cast<double>(std::bit_width(run.plan.parameters().q(i)) * poly.n());
    }
    return bits / 8;
}

TEST(PlanCost, BytesAndCountsAreThoseOfWhatIsMade) {
    EXPECT_TRUE(holds("bytes", 15, [] {
        const TrainingShape shape{.samples = pick<std::size_t>(2, 60),
                                  .features = pick<std::size_t>(2, 40),
                                  .classes = pick<std::size_t>(2, 9)};
        const Recipe recipe = pick(0, 2) == 0 ? standard_recipe(pick(1, 4), 1, fit_sigmoid(3, 8))
                                              : chiang2023_recipe(pick(1, 3), 50);
        const TrainingRun run(shape, recipe, cost_options(8), 1);
        const PlanCost cost = plan_cost(run.plan);

        RC_ASSERT(cost.evaluation_keys == run.keys.size());
        double sent = 0;
        double memory = 0;
        const KeyRequest request = run.plan.keys();
        for (const auto& [id, level] : request.levels()) {
            const SwitchingKey& key = run.keys.get(id, level);
            for (std::size_t digit = 0; digit < key.b.size(); ++digit) {
                memory += static_cast<double>(key.b[digit].bytes() + key.a[digit].bytes());
            }
            sent += static_cast<double>(switching_key_packed_bytes(run.plan.parameters(), level));
        }
        RC_ASSERT(cost.evaluation_key_memory_bytes == memory);
        RC_ASSERT(cost.evaluation_key_bytes == sent);

        // Ciphertexts go up seeded: one polynomial each.
        const EncryptedTrainingData data = run.upload();
        std::size_t sent_blocks = 0;
        double upload = 0;
        for (const auto& [name, blocks] : data) {
            sent_blocks += blocks.size();
            for (const Ciphertext& block : blocks) {
                upload += packed_bytes(run, block.part(0));
            }
        }
        RC_ASSERT(run.plan.upload_ciphertexts() == sent_blocks);
        RC_ASSERT(cost.upload_bytes == upload);

        EncryptedTrainer trainer(run.plan, run.keys, run.upload());
        TrainingState state;
        for (int t = 0; t < recipe.iterations; ++t) {
            state = trainer.step(state);
        }
        const auto& model = trainer.model(state);
        RC_ASSERT(run.plan.download_ciphertexts() == model.size());
        double download = 0;
        for (const Ciphertext& block : model) {
            download += packed_bytes(run, block.part(0)) + packed_bytes(run, block.part(1));
        }
        RC_ASSERT(cost.download_bytes == download);
    }));
}

// By hand: 64 slots of log_n 7 cannot be asked of the planner, the counts take any layout. 4
// classes, lanes of 8: 16 columns hold 5 features, 8 rows.
TEST(OperationCounts, OfAnIterationCountedByHand) {
    const LaneLayout layout = LaneLayout::create(64, 8, 10, 7, 4);  // 2 sample, 2 feature blocks
    const ShiftPlan shifts{.forward_baby = 2, .backward_baby = 4, .inner = 2};
    const Recipe recipe = standard_recipe(2, 1, fit_sigmoid(3, 8));
    const RingShape ring{.log_n = 16, .q_limbs = 6, .p_limbs = 2, .digit_size = 2};
    // Babies: one forward and three backward shifts of each of four blocks.
    const auto levels = test::levels_of(recipe, "primal");
    const OperationCounts preparation =
        count_babies(layout, shifts, ring, levels[0].backward, true);
    EXPECT_EQ(preparation.switches, 16U);
    EXPECT_EQ(preparation.decompositions, 16U);
    EXPECT_EQ(preparation.products, 0U);
    // First iteration from zero. Replicating: one step (8 / 4) of two label blocks. Backward: two
    // operands with three rotations each, hoisted twice more for the inner ones; 2 x 2 x 4
    // products; one giant, so one relinearisation of each of two outputs; rows / c' = 2: one fold
    // each.
    const OperationCounts first = count_iteration(layout, shifts, 3, ring, levels[0]);
    EXPECT_EQ(first.switches, 2U + 6 + 2 + 2);
    EXPECT_EQ(first.decompositions, 2U + 2 + 4 + 2 + 2);
    EXPECT_EQ(first.products, 16U);
    // Second: the same backwards, and forwards with two giants: 2 relinearisations and 1 rotation
    // of each of two outputs; one fold step of each; two relinearised products in each cubic.
    const OperationCounts second = count_iteration(layout, shifts, 3, ring, levels[1]);
    EXPECT_EQ(second.switches, 12U + 6 + 6 + 2 + 4);
    EXPECT_EQ(second.decompositions, 12U + 2 + 4 + 6 + 2 + 4);
    EXPECT_EQ(second.products, 16U + 16 + 4);
    EXPECT_GT(first.limb_transforms, 0);
}

// The planner's promise about memory: what the pool holds during a run stays below the prediction.
TEST(PlanCost, MemoryStaysBelowThePrediction) {
    // Other tests of this process may have left idle memory, which this run must not count.
    trim_pool();
    const std::size_t before = pooled_bytes();
    const TrainingRun run({.samples = 60, .features = 60, .classes = 8},
                          standard_recipe(2, 1, fit_sigmoid(3, 8)), cost_options(12), 2);
    const PlanCost cost = plan_cost(run.plan);
    EncryptedTrainer trainer(run.plan, run.keys, run.upload());
    const TrainingState state = trainer.step(trainer.step({}));
    EXPECT_EQ(state.iteration, 2);
    const auto grown = static_cast<double>(pooled_bytes() - before);
    EXPECT_LT(grown, cost.peak_memory_bytes);
    EXPECT_GE(grown, cost.evaluation_key_memory_bytes);
}

}  // namespace
}  // namespace cipherfit
