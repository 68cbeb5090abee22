// The public recurrence of training on several owners' sums, and how far errors go in it.
//
//     V_1     = update_0 b
//     V_{t+1} = kept_t V_t + previous_t V_{t-1} + update_t (b - G V_t)
//
// G has eigenvalues in [0, 1] and a ridge lambda is part of `kept`. The coefficients are those of
// Chebyshev's semi-iteration (Golub and Varga, Numerische Mathematik 1961) for a spectrum of
// G + lambda I in [lowest, 1 + lambda]. They take additions, products and quotients of doubles
// alone, so that every machine has the same bits.
#pragma once

#include <vector>

namespace cipherfit {

// It is no Recurrence of a recipe (train/recurrence.h): there the older sequence brings the update
// before along, and here V_{t-1} comes without one.
struct JointStep {
    double kept = 0;
    double previous = 0;
    double update = 0;  // positive

    // V_{t+1} of V_t, V_{t-1} and b - G V_t. T: what can be added and multiplied by numbers.
    template <class T>
    T next(const T& state, const T& before, const T& residual) const {
        return kept * state + previous * before + update * residual;
    }
};

// One step an iteration. Throws Error(invalid_argument) unless there are 2 to 64 iterations and
// 0 < lambda <= lowest < 1.
std::vector<JointStep> chebyshev_steps(int iterations, double lambda, double lowest);

// Largest responses over all spectra in [0, 1], of the last state V_T or of a state. Everything
// commutes with G, so that each response is a polynomial in its eigenvalues; polynomials are
// bounded on the whole interval from their values at Chebyshev's points.
struct JointGains {
    std::vector<double> product;  // [t], t = 1..T-1: to an error in G V_t (product[0] is 0)
    std::vector<double> state;    // [t]: to an error in V_{t+1}
    double moments = 0;           // to an error in b
    // [t]: the most that |V_{t+1}| can be for a b = X^T z with G = X^T X and |z| = 1
    std::vector<double> model;
};
JointGains joint_gains(const std::vector<JointStep>& steps);

}  // namespace cipherfit
