// The plan of one model from several owners' sums: everything between a contributor's rows and the
// recipient's model that is arithmetic, and that all members must agree on before keys are made.
//
// How it is used (docs/design/multiparty.md has the protocol):
//
//   everyone      JointPlan::create(task): the same plan, to the last bit; its to_json() goes into
//                 the charter, digest() names it, parameters() are the charter's
//   dealers       make the keys of plan.keys() (a KeyRequest)
//   contributors  pool rows and largest eigenvalues: a JointScaling
//                 (solver/owner/joint/contribution.h: joint_statistics, encrypt_contribution)
//   server        train_jointly(plan, keys, contributions) (solver/joint/training.h): the released
//                 ciphertext; the same bits for whoever repeats it
//   holders       plan.release_terms(charter), plan.gap(), plan.sigma()
//   recipient     decode_joint_model(plan, scaling, opened) (solver/owner/joint/model.h)
//
// In these units G = sum of X_i^T X_i / L and b = sum of X_i^T (Y_i - 1/2) / sqrt(n L), so that
// nothing in the plan depends on the pooled L and n: eigenvalues of G are in [0, 1], and every
// column of b is G^(1/2) times a vector of norm at most 1/2.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/circuit/tape.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/multiparty/release.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/solver/joint/error_bound.h"
#include "cipherfit/solver/joint/layout.h"
#include "cipherfit/solver/joint/recurrence.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// What a charter asks for.
struct JointTask {
    std::size_t columns = 0;  // d: features and the intercept
    std::size_t classes = 0;  // c: columns of the labels; 1 for two classes
    int iterations = 8;       // 2 to 64
    unsigned holders = 0;     // k
    unsigned threshold = 0;   // t, and so many dealers
    unsigned contributors = 0;
    double kappa = 30;    // bits of flooding, 30 or more
    double ridge = 0.01;  // lambda, in units of L
    double lowest = 0;    // of the eigenvalues that the recurrence is made for; 0: the ridge
    // What the largest weight in the plan's units is expected to be: an estimate from public rows,
    // for the prediction alone. 0: the rule of expected_largest_weight().
    double largest_weight = 0;
    double least_bits = 6;  // of the largest weight that must be left above the release's noise
    std::optional<unsigned> log_n;         // else the smallest ring that will do
    bool insecure_for_tests_only = false;  // small rings
    friend bool operator==(const JointTask&, const JointTask&) = default;
};

// The weight of the intercept, if that is the largest: (1/2 - 1/c), with two classes the share of
// one of d weights, 0.35 / sqrt(d).
double expected_largest_weight(const JointTask& task);

// Sums over all contributors that pooling publishes.
struct JointScaling {
    double rows = 0;                // n
    double largest_eigenvalue = 0;  // L: the sum of the contributors' largest eigenvalues
};

struct JointChoice;

class JointPlan {
  public:
    // Chooses ring, primes, scales and noise at 128 bits. bad_input with what would do: a task that
    // fits no ring, or that leaves fewer than least_bits.
    static Expected<JointPlan> create(const JointTask& task);
    // What to_json() wrote, with everything derived again; corrupt_data where anything differs.
    // Untrusted: never throws.
    static Expected<JointPlan> from_json(const nlohmann::json& json);
    nlohmann::json to_json() const;
    // SHA-256 of to_json()'s text, which holds every number that the circuit uses.
    Digest digest() const;

    const JointTask& task() const noexcept { return task_; }
    const Parameters& parameters() const noexcept { return parameters_; }
    const JointLayout& layout() const noexcept { return layout_; }
    const std::vector<JointStep>& steps() const noexcept { return steps_; }

    // What a contributor sends: that many ciphertexts of G, then one of b, all at this level.
    std::size_t gram_ciphertexts() const noexcept { return layout_.gram_ciphertexts(); }
    std::size_t upload_level() const noexcept { return parameters_.max_level(); }
    double upload_scale() const noexcept { return upload_scale_; }
    double gram_scale() const noexcept;  // of G's diagonals
    double moments_scale() const noexcept { return moments_scale_; }
    double state_scale(int iteration) const;  // of V_iteration, 1..T

    // The released ciphertext and its noise.
    std::size_t release_level() const noexcept { return 1; }
    double release_scale() const { return state_scale(task_.iterations); }
    std::size_t gap() const noexcept { return layout_.copies(); }
    const JointErrorBound& error_bound() const noexcept { return bound_; }
    unsigned releases() const;  // tau
    double sigma() const noexcept { return sigma_; }
    ReleaseTerms release_terms(const Digest& charter) const;
    // log2 of a weight over the deviation that the t holders' noise gives every weight.
    double bits_of(double weight) const;
    double release_bits() const;  // of the expected largest weight

    // Keys, work and memory are read from the recording of the server's circuit.
    const Tape& tape() const;
    KeyRequest keys() const;
    std::size_t dealer_upload_bytes() const;
    std::size_t contributor_upload_bytes() const;
    std::size_t server_memory_bytes() const;

  private:
    friend std::optional<JointPlan> assemble_joint_plan(const JointTask& task,
                                                        const JointChoice& choice);
    JointPlan(const JointTask& task, const Parameters& parameters, const JointLayout& layout,
              std::vector<JointStep> steps);
    JointErrorShape error_shape() const;
    JointTask task_;
    Parameters parameters_;
    JointLayout layout_;
    std::vector<JointStep> steps_;
    double upload_scale_ = 0, moments_scale_ = 0;
    JointErrorBound bound_;
    double sigma_ = 0;
    mutable std::shared_ptr<const Tape> tape_;
};

}  // namespace cipherfit
