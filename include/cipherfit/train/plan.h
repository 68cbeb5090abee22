// The plan of a training run: everything public that both parties must agree on, fixed before
// anything is encrypted. The owner makes it, the server receives it with the ciphertexts. It is a
// shape, a recipe, parameters and a solver with its layout (solver/solver.h); what depends on the
// solver is asked of that.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/security.h"
#include "cipherfit/solver/solver.h"
#include "cipherfit/train/plan_options.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct PlanCandidate;

class TrainingPlan {
  public:
    // Chooses ring, chain, layout and shifts. Throws Error(bad_input) where no ring holds that
    // many iterations at that security (with the numbers), Error(invalid_argument) for options
    // or shapes out of range.
    static TrainingPlan create(const TrainingShape& asked, const Recipe& recipe,
                               const PlanOptions& options = {});

    const TrainingShape& shape() const noexcept { return shape_; }
    const Recipe& recipe() const noexcept { return recipe_; }
    const Parameters& parameters() const noexcept { return parameters_; }
    const Solver& solver() const noexcept { return *solver_; }
    // The bootstrappings of a run that one chain does not hold.
    const std::optional<RefreshPlan>& refresh() const noexcept { return refresh_; }
    std::size_t refresh_count() const noexcept;
    // How many one refresh takes: both sequences of a block go through one, or two blocks where
    // there is but one sequence.
    std::size_t bootstraps_per_refresh() const noexcept;
    // Files in which the rows are sent (recipe.h), and those that iteration t goes over.
    std::size_t row_files() const noexcept { return cipherfit::row_files(recipe_, shape_.samples); }
    struct Files {
        std::size_t first = 0;
        std::size_t count = 1;
    };
    Files files_of(int t) const noexcept;
    // log2 of a level's prime, nearly; and of the states' scale: that, or less where large states
    // need the room.
    unsigned scale_bits() const noexcept { return scale_bits_; }
    unsigned state_bits() const noexcept { return state_bits_; }
    // The scale that the sequence at which gradients are taken has after an iteration, unless the
    // solver has scales of its own.
    double state_scale() const noexcept;
    // The largest |entry| that the lowest level holds at that scale; and of a state, as the solver
    // knows it.
    double lowest_capacity() const noexcept;
    double state_capacity() const { return solver_->capacity(*this); }
    // The level that the parameters are held to, at making and at reading.
    SecurityLevel security() const noexcept { return security_; }
    // Whether the owner sends Z_0: true unless the run starts from zero.
    bool initial_logits() const noexcept { return recipe_.initial_weight != 0.0; }

    // Whether the JSON names the number of features. If not, shape().features is 0 in a plan that
    // was read, until the owner puts it back.
    bool tells_features() const noexcept { return names_features_ || solver_->tells_features(); }
    TrainingPlan with_features(std::size_t features) const;
    // The same plan for bootstrappings of messages whose largest coefficient is that one
    // (refresh_range.h), and a quarter more. Throws Error(invalid_argument) where there are no
    // bootstrappings, or where so large coefficients leave no room.
    TrainingPlan with_refresh_range(double largest_coefficient) const;

    const std::vector<IterationLevels>& levels() const noexcept { return levels_; }
    // Levels of every iteration but the first, and of the first.
    std::size_t levels_per_iteration() const { return solver_->kind().iteration_depth(recipe_); }
    std::size_t first_iteration_levels() const noexcept;
    // Exactly the keys of the run, from a recording of its circuit.
    KeyRequest keys() const;

    // What the owner sends of a batch, and the state after so many iterations: empty after none.
    std::vector<SequenceShape> messages(std::size_t batch = 0) const {
        return solver_->messages(*this, batch);
    }
    std::vector<SequenceShape> state(int iteration) const;
    // Ciphertexts of a sequence of the states; in all, up (every batch), and down (the model).
    std::size_t state_ciphertexts() const noexcept { return solver_->state_ciphertexts(); }
    std::size_t upload_ciphertexts() const;
    std::size_t download_ciphertexts() const noexcept { return state_ciphertexts(); }
    // A model can be had after every so many iterations; 0: after the last one only.
    int models_every() const { return solver_->models_every(*this); }
    bool has_intermediate_models() const { return models_every() > 0; }

    // SHA-256 of the canonical JSON. The JSON holds no secret; see SECURITY.md for what it tells.
    Digest hash() const;
    nlohmann::json to_json() const;
    // Untrusted JSON: ErrorCode::corrupt_data unless every value is in range and the plan is one
    // that create() could have made for its ring (chain long enough, secure, layout valid).
    static Expected<TrainingPlan> from_json(const nlohmann::json& json);

  private:
    TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                 std::shared_ptr<const Solver> solver, unsigned scale_bits, unsigned state_bits,
                 std::optional<RefreshPlan> refresh, SecurityLevel security);
    void check_security() const;
    void check_refresh(const RefreshPlan& refresh) const;
    static TrainingPlan of_candidate(const TrainingShape& shape, const Recipe& recipe,
                                     const PlanOptions& options, const PlanCandidate& best);
    // The smallest plan of the same keys.
    TrainingPlan least() const;
    TrainingShape shape_;
    Recipe recipe_;
    Parameters parameters_;
    std::shared_ptr<const Solver> solver_;
    unsigned scale_bits_;
    unsigned state_bits_;
    std::optional<RefreshPlan> refresh_;
    SecurityLevel security_;
    bool names_features_ = false;  // though it need not: as earlier versions did
    std::vector<IterationLevels> levels_;
};

// Whether the largest ring holds the recipe's iterations without a bootstrapping. Throws
// Error(bad_input) for a name that no solver has.
bool fits_one_chain(const Recipe& recipe, std::string_view solver,
                    SecurityLevel security = SecurityLevel::classical_128);

// See TrainingPlan::bootstraps_per_refresh().
std::size_t bootstraps_of(const Recipe& recipe, std::size_t state_blocks) noexcept;

}  // namespace cipherfit
