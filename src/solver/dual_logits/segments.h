// Sums of errors in place of a recurrence. A dual run with bootstrappings carries logits; its
// coefficients are sums of all E_t with public weights, which come from running the recurrence of
// recipe.h backwards: with (m, u) for what is taken of (M, U) after iteration t,
//
//     w = m + (1 - eta_t) u,   weight of E_t = step_t w,   (m, u) <- (eta_t u, (1 - decay) w)
//
// is what is taken of E_t and of (M, U) before it. Over all iterations that gives the model. For
// models in between, the iterations are cut into segments: of each the server adds up what its
// errors contribute to M and to U at its end, and the owner, in the clear, joins
//
//     (A_M, A_U)(end) = T (A_M, A_U)(begin) + (F, G)
//
// T being the 2 x 2 product of the segment's recurrence, whose rows the backward run leaves over.
// Without momentum U = M, and G is F.
#pragma once

#include "cipherfit/train/recipe.h"

#include <vector>

#include <Eigen/Core>

namespace cipherfit {

// What a sequence takes of M and of U.
struct SequenceShares {
    double main = 0.0;
    double extrapolated = 0.0;
};

struct ErrorSum {
    std::vector<double> weights;  // of E_begin..E_{end-1}
    SequenceShares before;        // of M and U as they were before iteration `begin`
};

// 0 <= begin <= end <= iterations; `taken` of M and U as they are after iteration end - 1.
ErrorSum error_sum(const Recipe& recipe, int begin, int end, SequenceShares taken);

// omega_t, t = 0..iterations-1: the coefficients of the model after the last iteration are the sum
// of omega_t E_t.
std::vector<double> error_weights(const Recipe& recipe);

// T of the iterations begin..end-1, acting on (A_M, A_U). Their roundings in earlier segments are
// transported by it: in (M, U - M) without decay, an iteration is (M + V, beta_t (M' - M)) with
// beta_t = -eta_t in [-1, 1], so that an entry of T is at most 1 + 2 (end - begin) in magnitude.
Eigen::Matrix2d transport(const Recipe& recipe, int begin, int end);

// The weights of the segments of `every` iterations: of E_t in the F and in the G of its segment.
// Empty where there are none (0); nothing for the iterations after the last boundary, whose model
// is the run's own.
struct SegmentWeights {
    std::vector<double> main, extrapolated;
};
SegmentWeights segment_weights(const Recipe& recipe, int every);

}  // namespace cipherfit
