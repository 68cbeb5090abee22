// What the solvers have in common that evaluate the sigmoid on the rows' logits: primal, dual and
// dual in logits. They take features (or a Gram matrix of them), labels, initial logits and, from
// zero, what their first state is made of.
#pragma once

#include "cipherfit/solver/solver.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace cipherfit {

// Names of messages: Xs in blocks, or the dual's Gram matrix; Y - 1/2; Z_0; the labels' replicas.
inline constexpr std::string_view features_message = "features";
inline constexpr std::string_view labels_message = "labels";
inline constexpr std::string_view logits_message = "logits";
inline constexpr std::string_view start_message = "start";

class GradientSolver : public Solver {
  public:
    std::vector<SequenceShape> messages(const TrainingPlan& plan, std::size_t batch) const override;
    // Both sequences, as far as the recurrence keeps them; and none of the sums that the dual keeps
    // beside them in runs with bootstrappings, for which files have room.
    std::vector<SequenceShape> state(const TrainingPlan& plan, int iteration) const override;

    // The scale of the first factor of a training product: features, or Gram matrix.
    double product_scale(const TrainingPlan& plan) const noexcept;
    // The scale of the errors of iteration t: what gives the next state the plan's scale.
    double error_scale(const TrainingPlan& plan, int t) const;
    virtual double feature_scale(const TrainingPlan& plan) const noexcept {
        return product_scale(plan);
    }
    virtual double label_scale(const TrainingPlan& plan) const noexcept = 0;
    // What the product with the state would have given, before its rescaling, had there been one.
    double logit_scale(const TrainingPlan& plan) const noexcept { return product_scale(plan); }

    // Whether an iteration ends with a product: all but those of a dual run in one chain.
    virtual bool ends_with_product() const noexcept { return true; }
    virtual std::size_t feature_ciphertexts(const TrainingShape& shape) const noexcept = 0;
    virtual std::size_t label_ciphertexts() const noexcept = 0;
    // How many ciphertexts hold the labels' replicas that are the first state of a run from zero.
    virtual std::size_t start_ciphertexts() const noexcept { return 0; }

  protected:
    // The highest level at which a batch's features, its labels and Z_0 are used.
    virtual std::size_t feature_level(const TrainingPlan& plan, std::size_t batch) const noexcept;
    // Z_0 joins the product at forward, or the logits from the level above the sigmoid.
    virtual bool logits_join_sigmoid() const noexcept { return false; }

  private:
    std::size_t label_level(const TrainingPlan& plan, std::size_t batch) const noexcept;
};

// The scale of a sequence after `iteration` iterations, `own` being that of the one at which
// gradients are taken: Q enters the sequences with the factors step and (1 - eta) step, which their
// scales take up.
double sequence_scale(const Recipe& recipe, int iteration, ModelSequence sequence, double own);

}  // namespace cipherfit
