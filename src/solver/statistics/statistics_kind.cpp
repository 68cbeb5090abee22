// What is known of runs on statistics before there is a plan: levels, layouts, costs, JSON.
#include "cipherfit/linalg/gram_product.h"
#include "solver/iteration_levels.h"
#include "solver/json_counts.h"
#include "solver/layout_search.h"
#include "solver/statistics/statistics_cost.h"
#include "solver/statistics/statistics_solver.h"
#include "train/work_estimate.h"

#include <nlohmann/json.hpp>

namespace cipherfit {

OperationCounts count_statistics_iteration(const GramLayout& layout, const RingShape& ring,
                                           const IterationLevels& at, std::size_t sequences) {
    OperationCounter counter(ring);
    if (at.forward < 0) {
        return counter.counts();
    }
    const auto level = static_cast<std::size_t>(at.forward);
    if (layout.babies() > 1) {
        counter.decompose(level, 1);
        counter.key_switch(level, layout.babies() - 1);
    }
    counter.product(level, layout.gram_blocks());
    counter.full_switch(level, layout.giants());
    counter.full_switch(level - 1, layout.giants() - 1);
    counter.rescale(level, 2, sequences);
    return counter.counts();
}

namespace {

class StatisticsKind : public SolverKind {
  public:
    std::string_view name() const noexcept override { return "statistics"; }
    std::string_view about() const noexcept override {
        return "the model, by least squares from sums over the samples, for any number of them";
    }

    Expected<void> check(const TrainingShape& shape, const Recipe& recipe,
                         const PlanOptions& options) const override {
        const auto refuse = [](std::string_view why) {
            return make_error(ErrorCode::bad_input, "the statistics solver {}", why);
        };
        if (recipe.sigmoid.degree() != *only_degree()) {
            return make_error(ErrorCode::bad_input,
                              "the statistics solver takes a sigmoid of degree 1, not {}: use "
                              "degree 1 or another solver",
                              recipe.sigmoid.degree());
        }
        if (recipe.initial_weight != 0.0) {
            return refuse("starts from zero: use the preset standard or another solver");
        }
        if (row_files(recipe, shape.samples) != 1) {
            return refuse(
                "takes sums over all samples: use the primal one for mini-batches and parts");
        }
        if (recipe.iterations < 2) {
            return refuse("takes 2 iterations or more: use the primal one for a single step");
        }
        if (options.refresh == PlanOptions::Refresh::always) {
            return refuse("has no bootstrappings: use the primal one");
        }
        return {};
    }

    std::optional<int> only_degree() const override { return 1; }

    // It is another model than the one that was asked for, unless it was.
    bool is_considered(const TrainingShape& /*shape*/, const Recipe& /*recipe*/) const override {
        return false;
    }

    std::size_t iteration_depth(const Recipe& /*recipe*/) const override { return 1; }

    std::vector<IterationLevels> levels(const Recipe& recipe,
                                        std::size_t refreshed) const override {
        return iteration_levels(recipe, {.forward = 1, .sigmoid = 0, .backward = 0, .spare = 0},
                                refreshed);
    }

    bool can_refresh(const PlanOptions& /*options*/) const override { return false; }

    void search(const SearchSpace& space, LayoutSearch& search) const override {
        if (!statistics_fit(space.slots(), space.shape)) {
            return;
        }
        const std::size_t blocks = statistics_layout(space.slots(), space.shape, 1).gram_blocks();
        const std::size_t ciphertexts = blocks + 1;
        if (search.too_many(ciphertexts)) {
            return;
        }
        const std::size_t sequences = has_momentum(space.recipe) ? 2 : 1;
        for (std::size_t babies = 1; babies <= blocks; babies *= 2) {
            const GramLayout layout = statistics_layout(space.slots(), space.shape, babies);
            const std::size_t keys = EncryptedGram::keys(layout, {}).levels().size();
            double work = 0;
            for (const IterationLevels& at : space.schedule) {
                work +=
                    count_statistics_iteration(layout, space.ring, at, sequences).limb_transforms;
            }
            search.consider({keys, ciphertexts, estimated_memory(layout, 0, space.ring, keys), work,
                             space.slots(), 1},
                            [&] { return std::make_shared<StatisticsSolver>(layout); });
        }
    }

    std::string does_not_fit(const TrainingShape& shape,
                             const PlanOptions& /*options*/) const override {
        return fmt::format(
            "{} columns and {} classes are too many for the statistics solver: use "
            "the primal one",
            shape.features, shape.classes);
    }

    std::shared_ptr<const Solver> from_json(const nlohmann::json& json, const TrainingShape& shape,
                                            const Recipe& /*recipe*/, std::size_t slots,
                                            bool refreshed) const override {
        require(shape.features >= 1, ErrorCode::corrupt_data, "the features are missing");
        require(!refreshed, ErrorCode::corrupt_data, "a run on statistics has no bootstrappings");
        return std::make_shared<StatisticsSolver>(
            statistics_layout(slots, shape, json_count(json, "babies")));
    }
};

}  // namespace

const SolverKind& statistics_kind() {
    static const StatisticsKind kind;
    return kind;
}

const SolverKind& StatisticsSolver::kind() const noexcept {
    return statistics_kind();
}

}  // namespace cipherfit
