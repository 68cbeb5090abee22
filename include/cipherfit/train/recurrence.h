// The recurrence of recipe.h with its public coefficients, written once for everything that it is
// applied to: matrices in the clear, ciphertexts, and the 2 x 2 matrices that carry sums of errors
// from one iteration to another. With Q_t the update (the gradient, the errors or their logits),
//
//     M_{t+1} = (1 - decay) S_t + step_t Q_t
//     U_{t+1} = (1 - eta_t) M_{t+1} + eta_t M_t
//
// S_t being U_t. Without momentum there is one sequence, M, and S_t = M_t.
#pragma once

#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace cipherfit {

// A new sequence as a sum of the update and of the two old ones.
struct SequenceTerms {
    double update = 0;
    double extrapolated = 0;
    double main = 0;
};

// What turns Q into an update of the sequence at which gradients are taken, in iteration t: step (1
// - eta), or step.
double gradient_factor(const Recipe& recipe, int t);

class Recurrence {
  public:
    // The recipe must outlive this object, and pass check().
    explicit Recurrence(const Recipe& recipe)
        : recipe_(recipe), momentum_(cipherfit::has_momentum(recipe)) {}

    bool has_momentum() const noexcept { return momentum_; }
    double step(int t) const { return recipe_.steps[static_cast<std::size_t>(t)]; }
    double eta(int t) const { return recipe_.etas[static_cast<std::size_t>(t)]; }
    // 1 - decay.
    double kept() const noexcept { return 1.0 - recipe_.decay; }

    // Whether a sequence is kept under encryption after iteration t = 0..iterations-1: both are
    // with momentum, M alone without it, and after the last iteration only the recipe's model.
    bool is_kept(ModelSequence sequence, int t) const noexcept;
    // The terms of those that are kept.
    std::optional<SequenceTerms> main(int t) const;
    std::optional<SequenceTerms> extrapolated(int t) const;

    // M_{t+1} of U_t and the update, and U_{t+1} of M_{t+1} and M_t. T: what can be added and
    // multiplied by numbers, such as a matrix of Eigen.
    template <class T>
    T next_main(int t, const T& extrapolated, const T& update) const {
        return kept() * extrapolated + step(t) * update;
    }
    template <class T>
    T next_extrapolated(int t, const T& next_main, const T& main) const {
        return (1.0 - eta(t)) * next_main + eta(t) * main;
    }
    // (M, U) over an iteration without an update.
    template <class T>
    void carry(int t, T& main, T& extrapolated) const {
        T next = kept() * extrapolated;
        extrapolated = next_extrapolated(t, next, main);
        main = std::move(next);
    }
    // Backwards: what is taken of M_{t+1} and U_{t+1}, as what that takes of the update and of M_t
    // and U_t.
    SequenceTerms backwards(int t, double main, double extrapolated) const;

  private:
    const Recipe& recipe_;
    bool momentum_;
};

}  // namespace cipherfit
