// The plaintext twin: the encrypted recurrence of recipe.h in float64, operation by operation and
// in the same order, with an optional model of CKKS noise. It says what the encrypted run must
// reproduce; whether the recurrence is the right one is for the NumPy oracle in tests/ to say.
#pragma once

#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/recipe.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace cipherfit {

// Errors that are made while the sigmoid is evaluated, each by its standard deviation where it is
// made. How far one reaches an entry of E depends on the entry's logit z; with y = z^2 and
// W(y) = (s(z) - 1/2) / z = c1 + c3 y + c5 y^2 + c7 y^3:
struct SigmoidNoise {
    double masked_std = 0.0;  // of the masked copy of z: times W(y)
    double square_std = 0.0;  // of y: times z W'(y)
    double factor_std = 0.0;  // degree 5, of W: times z
    double fourth_std = 0.0;  // degree 7, of y^2: times z (c5 + c7 y)
    double high_std = 0.0;    // degree 7, of z (c5 + c7 y): times y^2
    double low_std = 0.0;     // degree 7, of z (c1 + c3 y): as it is
    // Slots without a logit that are added to an entry. The mask has cleared them, but for the
    // errors of the masked z, whose factors are those of logits as large as any.
    double others = 0.0;
};

// Independent Gaussian noise, standard deviations in units of the quantity (>= 0, finite). Every
// draw depends on (seed, quantity, iteration, position) alone.
struct NoiseModel {
    double features_std = 0.0;  // entries of Xs, once
    double labels_std = 0.0;    // entries of Y, once
    double initial_std = 0.0;   // entries of Z_0, once
    double logits_std = 0.0;    // entries of Z, every iteration
    // Primal: what the product's rotations add to the entries of S_t: in Z, times the norm of the
    // row of Xs, every iteration that has a product.
    double operand_std = 0.0;
    double error_std = 0.0;     // entries of E, every iteration, beside those of `sigmoid`
    double gradient_std = 0.0;  // entries of Q, every iteration
    double state_std = 0.0;     // entries of M and of U, every iteration
    // Entries of M and of U before the iterations that are named, each in 1..iterations-1.
    double refresh_std = 0.0;
    double refresh_loss = 0.0;  // no deviation: both are multiplied by 1 less this
    std::vector<int> refreshes = {};
    // The error of the weights by which a dual run adds up its errors for models in between, one
    // draw for each E_t and sequence, and the length of the segments; 0: there are none.
    double weights_std = 0.0;
    int segment_length = 0;
    SigmoidNoise sigmoid = {};
    std::uint64_t seed = 1;

    bool refreshes_before(int iteration) const {
        return std::find(refreshes.begin(), refreshes.end(), iteration) != refreshes.end();
    }
};

// What the callback sees after iteration t = 0..iterations-1. The references end with the call.
struct TwinIteration {
    int iteration;                  // t
    const RowMatrix& main;          // M_{t+1}, c x d
    const RowMatrix& extrapolated;  // U_{t+1}, c x d
    const RowMatrix& model;         // the one that the recipe takes as the model
    double max_abs_z;               // largest |Z_t|
};
using TwinCallback = std::function<void(const TwinIteration&)>;

// The models in between are seen by the callback alone: kept, they would take iterations times the
// memory of one.
struct TwinResult {
    RowMatrix main;          // M_T
    RowMatrix extrapolated;  // U_T
    ModelSequence sequence = ModelSequence::main;
    std::vector<double> max_abs_z;  // of each iteration's Z_t, before the update
    double max_abs_state = 0.0;     // largest |M| or |U| of all iterations
    // Largest |M|, |U| or |U| / (1 - eta), eta being that of the iteration: what the ciphertext of
    // U stands for at the scale of M, at which both share a bootstrapping.
    double max_abs_held = 0.0;

    // The one that the recipe takes as the model, scaled coordinates.
    const RowMatrix& model() const { return sequence == ModelSequence::main ? main : extrapolated; }
    // Largest |Z| of all iterations. (Z of the final model does not occur in training.)
    double largest_abs_z() const;
};

// Runs the recipe on the data. Throws Error (invalid_argument) for a recipe or noise model out of
// range or data whose shapes disagree. A run that diverges yields infinite or NaN weights, not an
// error.
TwinResult run_twin(const PreparedData& data, const Recipe& recipe,
                    const NoiseModel* noise = nullptr, const TwinCallback& callback = {});

}  // namespace cipherfit
