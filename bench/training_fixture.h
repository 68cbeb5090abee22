// A training job of the paper's shape (128 samples, 400 features and the bias, 10 classes) on
// synthetic features, ready to run.
#pragma once

#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "cipherfit/train/plan.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit::bench {

// A recipe under the name that benchmarks carry.
struct NamedRecipe {
    const char* name;
    int iterations;
    std::string_view solver;
};
inline constexpr NamedRecipe recipes[] = {
    {"chiang2023", 2, "primal"},  // the paper's, six ciphertexts up
    {"standard-2", 2, "primal"},  // a zero start and a cubic on [-8, 8], steps of 16
    {"standard-8", 8, "primal"}, {"standard-2-dual", 2, "dual"}, {"standard-8-dual", 8, "dual"},
};

class TrainingFixture {
  public:
    explicit TrainingFixture(const NamedRecipe& recipe);

    const TrainingPlan& plan() const noexcept { return plan_; }
    const EvaluationKeys& keys() const noexcept { return keys_; }
    EncryptedTrainingData copy_data() const;

    // The trainer, and the state after t iterations; made when first asked for.
    EncryptedTrainer& trainer();
    const TrainingState& state(int t);
    // Frees both, so that a run from the start has the memory for its own.
    void release();

  private:
    TrainingPlan plan_;
    SecretKey secret_;
    EvaluationKeys keys_;
    EncryptedTrainingData data_;
    std::unique_ptr<EncryptedTrainer> trainer_;
    std::vector<TrainingState> states_;
};

// The fixture of that recipe, which replaces the one before it.
TrainingFixture& fixture(const NamedRecipe& recipe);

}  // namespace cipherfit::bench
