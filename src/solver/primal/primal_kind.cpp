// What is known of primal runs before there is a plan: levels, layouts, JSON.
#include "cipherfit/linalg/odd_polynomial.h"
#include "solver/iteration_levels.h"
#include "solver/json_counts.h"
#include "solver/layout_search.h"
#include "solver/primal/primal_solver.h"
#include "train/work_estimate.h"

#include <algorithm>
#include <bit>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Keys that a layout needs, without their levels.
std::size_t count_keys(const LaneLayout& layout, const ShiftPlan& shifts, bool forward) {
    ProductLevels levels;
    levels.uses_forward = forward;
    return EncryptedFeatures::keys(layout, shifts, levels).levels().size();
}

// Sizes of groups to try: all heads, or nearly equal groups that fill a power of two.
std::vector<std::size_t> class_groups(std::size_t heads) {
    std::vector<std::size_t> sizes{heads};
    for (std::size_t padded = 8; padded <= 128 && padded < heads; padded *= 2) {
        const std::size_t groups = (heads + padded - 1) / padded;
        sizes.push_back((heads + groups - 1) / groups);
    }
    return sizes;
}

std::size_t groups_of(std::size_t heads, const LaneLayout& layout) {
    return (heads + layout.classes() - 1) / layout.classes();
}

// The transforms of all iterations, and of the babies: once, or for every mini-batch.
double work(const SearchSpace& space, const LaneLayout& layout, const ShiftPlan& shifts) {
    const auto groups = static_cast<double>(groups_of(space.shape.heads, layout));
    const std::size_t files = row_files(space.recipe, space.shape.samples);
    // The passes of an iteration.
    const double parts = space.recipe.batch == 0 ? static_cast<double>(files) : 1.0;
    double sum = 0;
    for (const IterationLevels& at : space.schedule) {
        sum += parts * groups *
               count_iteration(layout, shifts, space.recipe.sigmoid.degree(), space.ring, at)
                   .limb_transforms;
        if (files > 1 || &at == space.schedule.data()) {
            sum +=
                parts * count_babies(layout, shifts, space.ring, std::max(at.forward, at.backward),
                                     space.recipe.iterations > 1)
                            .limb_transforms;
        }
    }
    return sum;
}

void try_layout(const SearchSpace& space, const LaneLayout& layout, LayoutSearch& search) {
    const std::size_t c = layout.padded_classes();
    const bool forward = space.recipe.iterations > 1;
    const std::size_t files = row_files(space.recipe, space.shape.samples);
    const std::size_t groups = groups_of(space.shape.heads, layout);
    const std::size_t ciphertexts =
        files * layout.sample_blocks() *
        (layout.feature_blocks() + groups * (space.recipe.initial_weight != 0 ? 2 : 1));
    if (search.too_many(ciphertexts)) {
        return;
    }
    for (std::size_t gf = 1; gf <= (forward ? c : 1); gf *= 2) {
        for (std::size_t gb = 1; gb <= c; gb *= 2) {
            for (std::size_t inner = 1; inner <= std::min(forward ? gf : gb, gb); inner *= 2) {
                const ShiftPlan shifts{std::max(gf, inner), gb, inner};
                const std::size_t keys = count_keys(layout, shifts, forward);
                search.consider(
                    {keys, ciphertexts,
                     estimated_memory(layout, shifts, space.ring, keys, forward, groups),
                     work(space, layout, shifts), layout.model_period(),
                     groups * layout.feature_blocks()},
                    [&] {
                        return std::make_shared<PrimalSolver>(layout, shifts, space.shape.heads);
                    });
            }
        }
    }
}

class PrimalKind : public SolverKind {
  public:
    std::string_view name() const noexcept override { return "primal"; }
    std::string_view about() const noexcept override { return "the model"; }

    bool is_considered(const TrainingShape& /*shape*/, const Recipe& /*recipe*/) const override {
        return true;
    }

    bool takes_parts() const override { return true; }

    std::size_t iteration_depth(const Recipe& recipe) const override {
        return static_cast<std::size_t>(parts(recipe).depth());
    }

    std::vector<IterationLevels> levels(const Recipe& recipe,
                                        std::size_t refreshed) const override {
        return iteration_levels(recipe, parts(recipe), refreshed);
    }

    bool can_refresh(const PlanOptions& /*options*/) const override { return true; }

    // Momentum sums up the errors of the states, which nothing else forgets. More than ten levels
    // leave no room for the finer kind in the modulus.
    bool needs_fine_refresh(const Recipe& recipe, std::size_t levels) const override {
        return has_momentum(recipe) && levels <= bootstrap_n16_levels10.levels;
    }

    void search(const SearchSpace& space, LayoutSearch& search) const override {
        const std::size_t rows = rows_per_file(space.recipe, space.shape.samples);
        for (const std::size_t group : class_groups(space.shape.heads)) {
            for (const std::size_t lane : LaneLayout::possible_lanes(space.slots(), group)) {
                try_layout(
                    space,
                    LaneLayout::create(space.slots(), lane, rows, space.shape.features, group),
                    search);
            }
        }
    }

    std::shared_ptr<const Solver> from_json(const nlohmann::json& json, const TrainingShape& shape,
                                            const Recipe& recipe, std::size_t slots,
                                            bool /*refreshed*/) const override {
        require(shape.features >= 1, ErrorCode::corrupt_data, "the features are missing");
        const ShiftPlan shifts{json_count(json, "forward_baby"), json_count(json, "backward_baby"),
                               json_count(json, "inner")};
        const std::size_t group = json_count(json, "class_group");
        require(group >= 1 && group <= shape.heads, ErrorCode::corrupt_data,
                "groups of {} heads do not fit {}", group, shape.heads);
        const LaneLayout layout =
            LaneLayout::create(slots, json_count(json, "lane"),
                               rows_per_file(recipe, shape.samples), shape.features, group);
        const auto babies_fit = [&](std::size_t babies) {
            return std::has_single_bit(babies) && babies <= layout.padded_classes() &&
                   shifts.inner > 0 && babies % shifts.inner == 0;
        };
        require(babies_fit(shifts.forward_baby) && babies_fit(shifts.backward_baby),
                ErrorCode::corrupt_data, "the shifts do not fit {} heads", shape.heads);
        return std::make_shared<PrimalSolver>(layout, shifts, shape.heads);
    }

  private:
    static IterationParts parts(const Recipe& recipe) {
        return {.forward = 1,
                .sigmoid = static_cast<int>(odd_polynomial_depth(recipe.sigmoid.degree())),
                .backward = 1};
    }
};

}  // namespace

const SolverKind& primal_kind() {
    static const PrimalKind kind;
    return kind;
}

const SolverKind& PrimalSolver::kind() const noexcept {
    return primal_kind();
}

}  // namespace cipherfit
