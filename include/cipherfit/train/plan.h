// The plan of a training run: everything public that both parties must agree on, fixed before
// anything is encrypted. The owner makes it, the server receives it with the ciphertexts.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/linalg/kernel_layout.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/security.h"
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

// Who computes the dual solver's kernel: the owner in the clear, or the server from the encrypted
// features (two levels more, and much more work and data for both).
enum class KernelSource { owner, server };

std::string_view name(Solver solver) noexcept;
std::string_view name(KernelSource source) noexcept;
// The solver of that name. ErrorCode::bad_input, listing the names there are.
Expected<Solver> solver_from_name(std::string_view name);
Expected<KernelSource> kernel_source_from_name(std::string_view name);

// n, d (bias included; 0: not known, see TrainingPlan::tells_features()), and the classes. `heads`
// (c) are the logits that are trained: one for every class, or a single one for two classes
// (recipe.h, trained_heads()). 0 leaves it to create().
struct TrainingShape {
    std::size_t samples = 0;
    std::size_t features = 0;
    std::size_t classes = 0;
    std::size_t heads = 0;
    friend bool operator==(const TrainingShape&, const TrainingShape&) = default;
};

struct PlanOptions {
    unsigned log_n = 0;       // 0: the planner chooses
    unsigned scale_bits = 0;  // 32 to 45; 0: the planner chooses
    // Largest evaluation-key, feature and working memory of the server; a ring or layout above it
    // is not chosen. 0: 5.5 GB, and 12 GB with bootstrappings.
    double memory_limit_bytes = 0;
    // The largest |entry| of the states that must survive at the lowest level: the rehearsal or
    // the twin knows it (TwinResult::max_abs_held). 1 to 2^24. Decides the states' scale.
    double largest_state = 256;
    // Most ciphertexts that the owner uploads; 0: no limit.
    std::size_t most_ciphertexts = 0;
    std::optional<Solver> solver;  // none: the cheaper one
    KernelSource kernel = KernelSource::owner;
    // Whether the states may be bootstrapped where one chain does not hold all iterations, or where
    // that is cheaper; `always` for tests.
    enum class Refresh { never, where_it_pays, always } refresh = Refresh::where_it_pays;
    // The largest |entry| of what is bootstrapped, in the solver's own coordinates; 0:
    // largest_state. A power of two above it goes into the plan. with_refresh_range() makes it
    // tight: every bit that it is too large costs one of the bootstrapping's precision.
    double refresh_range = 0;
    // What the chain is held to. Levels other than the first have no bootstrappings.
    SecurityLevel security = SecurityLevel::classical_128;
    // Below the security table, on small rings: for tests only.
    bool insecure_for_tests_only = false;
    // Iterations after which a dual run with bootstrappings has a model in between, fewer than
    // there are; 0: none but the last. Unless given, of 1, 2, 5, 10, 20, 50, ... the least that
    // makes at most 20 of them. Other runs have a model after every iteration.
    std::optional<int> models_every = std::nullopt;
};

// Where one iteration spends its levels; -1 where the operation does not occur.
struct IterationLevels {
    bool refresh = false;  // whether the states are bootstrapped to `start` first
    int start = 0;         // of the model, or of the fresh data in the first iteration
    int forward = -1;      // X U^T or K A, at this level; the logits are one below
    int sigmoid = -1;      // of the logits
    int backward = 0;      // of the errors, replicated there; primal: E^T X
    int end = 0;           // of the new states
};

// The dual solver's layout, and where its kernel comes from.
struct KernelProducts {
    KernelLayout layout;
    KernelSource source = KernelSource::owner;
};

// The layout of that kernel: a kernel that the server makes has two heads at least, which halves
// the features' ciphertexts.
std::size_t least_padded_heads(KernelSource source) noexcept;
KernelLayout kernel_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies,
                           KernelSource source);

// The primal solver's layout and shifts.
struct LaneProducts {
    LaneLayout layout;
    ShiftPlan shifts;
};

// How the states get levels again: M + i U of every block of the model through one bootstrapping.
struct RefreshPlan {
    BootstrapPlan bootstrap;
    // The coefficients of what is bootstrapped, as a polynomial, are below 2^range_bits: it is they
    // that must be a small part of q_0, and they are smaller than the entries, which they spread
    // over all slots.
    int range_bits = 0;
    // Of the dual: the length of the segments of which errors are added up (segments.h); 0: none.
    int models_every = 0;
    double range() const;
};

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
    Solver solver() const noexcept {
        return std::holds_alternative<LaneProducts>(products_) ? Solver::primal : Solver::dual;
    }
    // Of the primal solver, and of the dual one; throw std::bad_variant_access for the other.
    const LaneLayout& layout() const { return std::get<LaneProducts>(products_).layout; }
    // The primal trains heads in groups where they do not fit one layout, or where that is cheaper:
    // one-vs-rest sigmoids know nothing of each other. Every group has layout().classes(), the last
    // one possibly fewer; the features are shared. 1 in the dual.
    std::size_t class_groups() const noexcept;
    const ShiftPlan& shifts() const { return std::get<LaneProducts>(products_).shifts; }
    const KernelLayout& kernel() const { return std::get<KernelProducts>(products_).layout; }
    KernelSource kernel_source() const { return std::get<KernelProducts>(products_).source; }
    // Whether the JSON names the number of features. It does not where the owner makes the Gram
    // matrix, since nothing that the server does depends on it; shape().features is then 0 in a
    // plan that was read, until the owner puts it back.
    bool tells_features() const noexcept;
    TrainingPlan with_features(std::size_t features) const;
    // The same plan for bootstrappings of messages whose largest coefficient is that one
    // (refresh_range.h), and a quarter more. Throws Error(invalid_argument) where there are no
    // bootstrappings, or where so large coefficients leave no room.
    TrainingPlan with_refresh_range(double largest_coefficient) const;
    // The bootstrappings of a run that one chain does not hold.
    const std::optional<RefreshPlan>& refresh() const noexcept { return refresh_; }
    std::size_t refresh_count() const noexcept;
    // Of one refresh: both sequences of a block go through one, or two blocks where there is but
    // one sequence.
    std::size_t bootstraps_per_refresh() const noexcept;
    // Whether the model is a sum of errors beside the states, which are logits: in the dual with
    // bootstrappings. Models in between take sums of their own, over segments of so many
    // iterations; 0: there are none.
    bool adds_up_errors() const noexcept {
        return solver() == Solver::dual && refresh_.has_value();
    }
    int segment_length() const noexcept {
        return solver() == Solver::dual && refresh_ ? refresh_->models_every : 0;
    }
    // A model can be had after every so many iterations; 0: after the last one only.
    int models_every() const noexcept { return adds_up_errors() ? segment_length() : 1; }
    bool has_intermediate_models() const noexcept { return models_every() > 0; }
    // Ciphertexts of a state's sums over its segment: of M and, with momentum, of U; none in the
    // first state, and none after the last boundary before the end.
    std::size_t segment_ciphertexts(int iteration) const noexcept;
    // Mini-batches, 1 where every iteration takes all samples, and the rows of one.
    std::size_t batches() const noexcept { return batch_count(recipe_, shape_.samples); }
    std::size_t batch_of(int t) const noexcept { return static_cast<std::size_t>(t) % batches(); }
    unsigned scale_bits() const noexcept { return scale_bits_; }
    // log2 of the states' scale: scale_bits, or less where large states need the room.
    unsigned state_bits() const noexcept { return state_bits_; }
    // The largest |entry| of a state that the lowest level holds.
    double state_capacity() const noexcept;
    // The level that the parameters are held to, at making and at reading.
    SecurityLevel security() const noexcept { return security_; }
    // Whether the owner sends Z_0: true unless the run starts from zero.
    bool initial_logits() const noexcept { return recipe_.initial_weight != 0.0; }

    // Scales of what the owner encrypts: the features (dual: the kernel, unless the server makes
    // it), labels, Z_0 and, in the dual, the labels' replicas that are the first state.
    double feature_scale() const noexcept;
    double label_scale() const noexcept;
    double logit_scale() const noexcept;
    double start_scale() const;
    // The scale of the first factor of a training product: features, or kernel.
    double product_scale() const noexcept;
    // The scale of the errors of iteration t: what gives the next state the plan's scale.
    double error_scale(int t) const;
    // The scale that the sequence at which gradients are taken has after every iteration.
    double state_scale() const noexcept;
    // Of the coefficients that a dual run with bootstrappings adds up, at coefficient_level: a
    // level above that of the model, whose scale is state_scale().
    double coefficient_scale() const noexcept;
    // The largest coefficient, as a polynomial, of the sums of segments that the owner can decode.
    double segment_capacity() const noexcept;
    // What turns Q into an update of that sequence in iteration t: step (1 - eta), or step.
    double gradient_factor(int t) const;

    // Of a batch's features, and of its labels and Z_0: the highest level of their use.
    std::size_t feature_level(std::size_t batch = 0) const noexcept;
    std::size_t label_level(std::size_t batch = 0) const noexcept;
    std::size_t start_level() const noexcept;  // of the labels' replicas
    const std::vector<IterationLevels>& levels() const noexcept { return levels_; }
    // Levels of every iteration but the first, and of the first.
    std::size_t levels_per_iteration() const noexcept;
    std::size_t first_iteration_levels() const noexcept;
    // Exactly the keys of the run, from a recording of its circuit.
    KeyRequest keys() const;

    // Ciphertexts of each kind in a batch: features or kernel, labels, Z_0, replicas of the labels;
    // and each of the two states.
    std::size_t feature_ciphertexts() const noexcept;
    std::size_t label_ciphertexts() const noexcept;
    std::size_t logit_ciphertexts() const noexcept {
        return initial_logits() ? label_ciphertexts() : 0;
    }
    std::size_t start_ciphertexts() const noexcept {
        return solver() == Solver::dual && !initial_logits() ? 1 : 0;
    }
    std::size_t state_ciphertexts() const noexcept;
    // In all, up (every batch), and down (the model).
    std::size_t upload_ciphertexts() const noexcept;
    std::size_t download_ciphertexts() const noexcept { return state_ciphertexts(); }

    // SHA-256 of the canonical JSON. The JSON holds no secret; see SECURITY.md for what it tells.
    Digest hash() const;
    nlohmann::json to_json() const;
    // Untrusted JSON: ErrorCode::corrupt_data unless every value is in range and the plan is one
    // that create() could have made for its ring (chain long enough, secure, layout valid).
    static Expected<TrainingPlan> from_json(const nlohmann::json& json);

  private:
    using Products = std::variant<LaneProducts, KernelProducts>;
    bool server_makes_kernel() const noexcept;
    // Whether an iteration ends with a product: all but those of a dual run in one chain.
    bool ends_with_product() const noexcept {
        return solver() == Solver::primal || refresh_.has_value();
    }
    TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                 const Products& products, unsigned scale_bits, unsigned state_bits,
                 std::optional<RefreshPlan> refresh, SecurityLevel security);
    void check_security() const;
    void check_refresh(const RefreshPlan& refresh) const;
    template <class Level>
    std::size_t highest(std::size_t batch, const Level& level) const noexcept;
    static TrainingPlan of_candidate(const TrainingShape& shape, const Recipe& recipe,
                                     const PlanOptions& options, const PlanCandidate& best);
    // The smallest plan of the same keys.
    TrainingPlan least_blocks() const;
    TrainingShape shape_;
    Recipe recipe_;
    Parameters parameters_;
    Products products_;
    unsigned scale_bits_;
    unsigned state_bits_;
    std::optional<RefreshPlan> refresh_;
    SecurityLevel security_;
    bool names_features_ = false;  // though it need not: as earlier versions did
    std::vector<IterationLevels> levels_;
};

// Whether the largest ring holds the recipe's iterations without a bootstrapping.
bool fits_one_chain(const Recipe& recipe, Solver solver,
                    SecurityLevel security = SecurityLevel::classical_128);

// Of the sum of errors that becomes a dual model in a run with bootstrappings, before its
// rescaling.
inline constexpr std::size_t coefficient_level = 2;

// Levels that the server spends on making the kernel.
inline constexpr std::size_t kernel_levels = 2;

// See TrainingPlan::bootstraps_per_refresh().
std::size_t bootstraps_of(const Recipe& recipe, std::size_t state_blocks) noexcept;

// Levels of an iteration that is not the first.
std::size_t iteration_depth(const Recipe& recipe, Solver solver);

// Levels left below the iterations between two bootstrappings: one in the dual, for the mask that
// cleans the states.
std::size_t spare_levels(Solver solver, std::size_t refreshed);

// The level bookkeeping of a recipe. Without refreshes (`refreshed` = 0) the first entry's start is
// the number of levels of training; with them no iteration starts above `refreshed` levels, and one
// that finds too few is preceded by a bootstrapping.
std::vector<IterationLevels> iteration_levels(const Recipe& recipe, Solver solver,
                                              std::size_t refreshed = 0);

}  // namespace cipherfit
