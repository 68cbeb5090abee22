// The plan of a training run: everything public that both parties must agree on, fixed before
// anything is encrypted. The owner makes it, the server receives it with the ciphertexts.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/linalg/kernel_layout.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// What the server iterates on; the iterates are the same in exact arithmetic (twin.h).
enum class Solver {
    primal,  // the model, c x d, with two products an iteration; any number of samples
    dual,    // its coefficients, n x c, with the n x n Gram matrix, one product: few samples
};

std::string_view name(Solver solver) noexcept;
// The solver of that name. ErrorCode::bad_input, listing the names there are.
Expected<Solver> solver_from_name(std::string_view name);

// n, d (bias included), c.
struct TrainingShape {
    std::size_t samples = 0;
    std::size_t features = 0;
    std::size_t classes = 0;
    friend bool operator==(const TrainingShape&, const TrainingShape&) = default;
};

struct PlanOptions {
    unsigned log_n = 0;       // 0: the planner chooses
    unsigned scale_bits = 0;  // 32 to 45; 0: the planner chooses
    // Largest evaluation-key, feature and working memory of the server; a ring or layout above it
    // is not chosen.
    double memory_limit_bytes = 5.5e9;
    // The largest |entry| of the states that must survive at the lowest level: the rehearsal or
    // the twin knows it (TwinResult::max_abs_state). 1 to 2^24. Decides the states' scale.
    double largest_state = 256;
    // Most ciphertexts that the owner uploads; 0: no limit.
    std::size_t most_ciphertexts = 0;
    std::optional<Solver> solver;  // none: the cheaper one
    // Below the security table, on small rings: for tests only.
    bool insecure_for_tests_only = false;
};

// Where one iteration spends its levels; -1 where the operation does not occur.
struct IterationLevels {
    int start = 0;     // of the model, or of the fresh data in the first iteration
    int forward = -1;  // X U^T or K A, at this level; the logits are one below
    int sigmoid = -1;  // of the logits
    int backward = 0;  // of the errors, replicated there; primal: E^T X
    int end = 0;       // of the new states
};

// The primal solver's layout and shifts.
struct LaneProducts {
    LaneLayout layout;
    ShiftPlan shifts;
};

class TrainingPlan {
  public:
    // Chooses ring, chain, layout and shifts. Throws Error(bad_input) where no ring holds that
    // many iterations at 128-bit security (with the numbers), Error(invalid_argument) for options
    // or shapes out of range.
    static TrainingPlan create(const TrainingShape& shape, const Recipe& recipe,
                               const PlanOptions& options = {});

    const TrainingShape& shape() const noexcept { return shape_; }
    const Recipe& recipe() const noexcept { return recipe_; }
    const Parameters& parameters() const noexcept { return parameters_; }
    Solver solver() const noexcept {
        return std::holds_alternative<LaneProducts>(products_) ? Solver::primal : Solver::dual;
    }
    // Of the primal solver, and of the dual one; throw std::bad_variant_access for the other.
    const LaneLayout& layout() const { return std::get<LaneProducts>(products_).layout; }
    const ShiftPlan& shifts() const { return std::get<LaneProducts>(products_).shifts; }
    const KernelLayout& kernel() const { return std::get<KernelLayout>(products_); }
    unsigned scale_bits() const noexcept { return scale_bits_; }
    // log2 of the states' scale: scale_bits, or less where large states need the room.
    unsigned state_bits() const noexcept { return state_bits_; }
    // The largest |entry| of a state that the lowest level holds.
    double state_capacity() const noexcept;
    // Whether the owner sends Z_0: true unless the run starts from zero.
    bool initial_logits() const noexcept { return recipe_.initial_weight != 0.0; }

    // Scales of what the owner encrypts: the features (dual: the kernel), labels, Z_0 and, in the
    // dual, the labels' replicas that are the first state.
    double feature_scale() const noexcept;
    double label_scale() const noexcept;
    double logit_scale() const noexcept;
    double start_scale() const;
    // The scale of the errors of iteration t: what gives the next state the plan's scale.
    double error_scale(int t) const;
    // The scale that the sequence at which gradients are taken has after every iteration.
    double state_scale() const noexcept;
    // What turns Q into an update of that sequence in iteration t: step (1 - eta), or step.
    double gradient_factor(int t) const;

    std::size_t feature_level() const noexcept;
    std::size_t label_level() const noexcept;
    const std::vector<IterationLevels>& levels() const noexcept { return levels_; }
    // Levels of every iteration but the first, and of the first.
    std::size_t levels_per_iteration() const noexcept;
    std::size_t first_iteration_levels() const noexcept;
    // Exactly the keys of the run.
    KeyRequest keys() const;

    // Ciphertexts of each kind: features or kernel, labels, Z_0, replicas of the labels, and each
    // of the two states.
    std::size_t feature_ciphertexts() const noexcept;
    std::size_t label_ciphertexts() const noexcept;
    std::size_t logit_ciphertexts() const noexcept {
        return initial_logits() ? label_ciphertexts() : 0;
    }
    std::size_t start_ciphertexts() const noexcept {
        return solver() == Solver::dual && !initial_logits() ? 1 : 0;
    }
    std::size_t state_ciphertexts() const noexcept;
    // In all, up, and down (the model).
    std::size_t upload_ciphertexts() const noexcept;
    std::size_t download_ciphertexts() const noexcept { return state_ciphertexts(); }

    // SHA-256 of the canonical JSON. The JSON holds no secret; see SECURITY.md for what it tells.
    Digest hash() const;
    nlohmann::json to_json() const;
    // Untrusted JSON: ErrorCode::corrupt_data unless every value is in range and the plan is one
    // that create() could have made for its ring (chain long enough, secure, layout valid).
    static Expected<TrainingPlan> from_json(const nlohmann::json& json);

  private:
    using Products = std::variant<LaneProducts, KernelLayout>;
    TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                 Products products, unsigned scale_bits, unsigned state_bits);
    KeyRequest primal_keys() const;
    KeyRequest dual_keys() const;
    TrainingShape shape_;
    Recipe recipe_;
    Parameters parameters_;
    Products products_;
    unsigned scale_bits_;
    unsigned state_bits_;
    std::vector<IterationLevels> levels_;
};

// The level bookkeeping of a recipe; the first entry's start is the number of levels in all.
std::vector<IterationLevels> iteration_levels(const Recipe& recipe, Solver solver);

}  // namespace cipherfit
