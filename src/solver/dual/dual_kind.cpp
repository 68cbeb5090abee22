// What is known of dual runs before there is a plan, in one chain or with bootstrappings: levels,
// layouts, JSON.
#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "solver/dual/dual_solver.h"
#include "solver/dual_logits/dual_logits_solver.h"
#include "solver/iteration_levels.h"
#include "solver/json_counts.h"
#include "solver/layout_search.h"
#include "train/work_estimate.h"

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Beyond this many samples the Gram matrix, whose size grows with their square, is not considered
// unless asked for.
constexpr std::size_t most_samples = 2048;

bool server_makes_kernel(const PlanOptions& options) {
    return options.kernel == KernelSource::server;
}

std::shared_ptr<const Solver> made(const KernelLayout& layout, KernelSource source,
                                   bool refreshed) {
    if (!refreshed) {
        return std::make_shared<DualSolver>(layout, source);
    }
    require(source == KernelSource::owner, ErrorCode::invalid_argument,
            "a run with bootstrappings takes its kernel from the owner");
    return std::make_shared<DualLogitsSolver>(layout);
}

class DualKind : public SolverKind {
  public:
    std::string_view name() const noexcept override { return "dual"; }
    std::string_view about() const noexcept override {
        return "its coefficients in the samples' Gram matrix, cheaper for few samples";
    }

    Expected<void> check(const TrainingShape& shape, const Recipe& recipe,
                         const PlanOptions& /*options*/) const override {
        if (row_files(recipe, shape.samples) != 1) {
            return make_error(ErrorCode::bad_input,
                              "the dual solver takes all samples in every iteration: use the "
                              "primal one for mini-batches and parts");
        }
        if (recipe.iterations < 2) {
            return make_error(ErrorCode::bad_input,
                              "the dual solver takes 2 iterations or more: use the primal one for "
                              "a single step");
        }
        return {};
    }

    bool is_considered(const TrainingShape& shape, const Recipe& recipe) const override {
        return shape.samples <= most_samples && recipe.iterations >= 2 &&
               row_files(recipe, shape.samples) == 1;
    }

    std::size_t iteration_depth(const Recipe& recipe) const override {
        return odd_polynomial_depth(recipe.sigmoid.degree()) + 1;
    }

    // For the mask that cleans the states.
    std::size_t spare_levels(std::size_t refreshed) const override { return refreshed > 0 ? 1 : 0; }

    // An iteration without refreshes ends with its errors: the product with the features is the
    // owner's, once. From zero, its first one only takes up the labels. With refreshes it is the
    // logits that go from one iteration to the next, and the product with the kernel comes last.
    std::vector<IterationLevels> levels(const Recipe& recipe,
                                        std::size_t refreshed) const override {
        const bool product_last = refreshed > 0;
        return iteration_levels(
            recipe,
            {.forward = product_last ? 0 : 1,
             .sigmoid = static_cast<int>(odd_polynomial_depth(recipe.sigmoid.degree())),
             .backward = product_last ? 1 : 0,
             .spare = static_cast<int>(spare_levels(refreshed))},
            refreshed);
    }

    std::size_t extra_levels(const PlanOptions& options) const override {
        return server_makes_kernel(options) ? kernel_levels : 0;
    }

    bool can_refresh(const PlanOptions& options) const override {
        return !server_makes_kernel(options);
    }

    void search(const SearchSpace& space, LayoutSearch& search) const override {
        const TrainingShape& shape = space.shape;
        const KernelSource source = space.options.kernel;
        const std::size_t slots = space.slots();
        if (!KernelLayout::fits(slots, shape.samples, shape.heads, least_padded_heads(source))) {
            return;
        }
        const KernelLayout plain = kernel_layout(slots, shape, 1, source);
        const std::size_t blocks = plain.kernel_blocks();
        const std::size_t chunks =
            server_makes_kernel(space.options) ? plain.feature_chunks(shape.features) : 0;
        const std::size_t ciphertexts = (chunks > 0 ? 2 * chunks : blocks) + 2;
        if (search.too_many(ciphertexts)) {
            return;
        }
        for (std::size_t babies = 1; babies <= blocks; babies *= 2) {
            const KernelLayout layout = kernel_layout(slots, shape, babies, source);
            KeyRequest request = EncryptedKernel::keys(layout, {});
            if (chunks > 0) {
                request.merge(kernel_from_features_keys(layout, kernel_levels));
            }
            const std::size_t keys = request.levels().size();
            double work = chunks > 0 ? count_kernel(layout, chunks, space.ring).limb_transforms : 0;
            for (const IterationLevels& at : space.schedule) {
                work += count_iteration(layout, space.recipe.sigmoid.degree(), space.ring, at,
                                        &at == &space.schedule.back())
                            .limb_transforms;
            }
            search.consider({keys, ciphertexts, estimated_memory(layout, chunks, space.ring, keys),
                             work, slots, 1},
                            [&] { return made(layout, source, space.refreshed); });
        }
    }

    std::string does_not_fit(const TrainingShape& shape,
                             const PlanOptions& /*options*/) const override {
        return fmt::format(
            "{} samples of {} classes are too many for the dual solver: use the "
            "primal one",
            shape.samples, shape.classes);
    }

    std::shared_ptr<const Solver> from_json(const nlohmann::json& json, const TrainingShape& shape,
                                            const Recipe& /*recipe*/, std::size_t slots,
                                            bool refreshed) const override {
        const auto source =
            value_or_throw(kernel_source_from_name(json.at("kernel").get<std::string>()));
        return made(kernel_layout(slots, shape, json_count(json, "babies"), source), source,
                    refreshed);
    }
};

}  // namespace

const SolverKind& dual_kind() {
    static const DualKind kind;
    return kind;
}

const SolverKind& DualSolver::kind() const noexcept {
    return dual_kind();
}

}  // namespace cipherfit
