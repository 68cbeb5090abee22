// The server's side of training on several owners' sums, and that of whoever repeats it: no secret,
// no choice, no floating point but the scales and factors that the plan fixes. The result has the
// same bits on every machine and any number of threads.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/solver/joint/plan.h"

#include <functional>
#include <span>
#include <vector>

namespace cipherfit {

// What one contributor sends, or a sum of such: G's ciphertexts and b's.
struct JointContribution {
    std::vector<Ciphertext> gram;
    Ciphertext moments;
};

// Whether numbers, levels and scales are the plan's: for what comes from outside. Never throws.
Expected<void> check_contribution(const JointPlan& plan, const JointContribution& contribution);

// A sum of contributions, one by one, so that only one of them must be in memory beside the sum.
class JointSum {
  public:
    explicit JointSum(const JointPlan& plan) : plan_(plan) {}
    // The error of check_contribution(), and bad_input for more of them than the plan bounds.
    Expected<void> add(const JointContribution& contribution);
    unsigned count() const noexcept { return count_; }
    // Throws Error(invalid_argument) before there is one.
    const JointContribution& sum() const;

  private:
    const JointPlan& plan_;
    JointContribution sum_;
    unsigned count_ = 0;
};

// The circuit: V_T from G's ciphertexts and b.
Handle joint_circuit(const JointPlan& plan, Operations& operations, std::vector<Handle> gram,
                     Handle moments, const std::function<void(int)>& after_iteration = {});

// The ciphertext to be released: level plan.release_level(), scale plan.release_scale(). Throws
// Error(missing_key) where the keys are not plan.keys(). `after_iteration` is told 1..T.
Ciphertext train_jointly(const JointPlan& plan, const EvaluationKeys& keys,
                         const JointContribution& sum,
                         const std::function<void(int)>& after_iteration = {});

// A message as a ciphertext without noise, (m, 0): trained on, it gives what an error is measured
// against.
Ciphertext noiseless(const Parameters& parameters, const Plaintext& message);

}  // namespace cipherfit
