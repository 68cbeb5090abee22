// The modelled CKKS error of a training run: standard deviations for the twin, and from noisy twins
// the bound on the weights' error that the owner holds the decrypted model to.
#pragma once

#include "cipherfit/solver/owner/plain_run.h"
#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"

#include <functional>
#include <string_view>
#include <vector>

namespace cipherfit {

// Errors in the units of the twin's quantities, from the plan's scales and layout:
//   features          fresh, and a switch for each baby shift: the mean over the shifts
//   labels            replicated: the sum over lane/c' slots of fresh, and the switches' own
//   initial logits    fresh, in each of the lane/c' slots that the fold adds up
//   logits            one rounding per lane summed, and the folds' own: variance
//                     (lane/c') rounding^2 + (lane/c' - 1) switching^2 at the logits' scale; and
//                     the model's rotations by the shifts of the product, one or two switches each,
//                     times the norm of the row of Xs
//   errors            each rounding of the sigmoid's evaluation where it is made, with the factor
//                     by which it reaches the errors at a logit (SigmoidNoise); the last one in
//                     each of the lane/c' slots that replication adds up, and the switches' own;
//                     and their rotations by the shifts of the product
//   gradient          error of the products' second factor: none beyond the above (0)
//   states            one rounding
// Dual: the entries of the Gram matrix are fresh, or have what the server's product adds
// (noise.cpp); the logits have, from each of L lanes and G giants, the relinearisation's and the
// rotations' switches, those of the state's rotations times a row of K (whose norm is at most 4,
// preprocess.h), and the fold's; errors as above with L lanes. In runs with bootstrappings logits
// have several scales: the polynomial's square takes its error from the least, the masked copy of z
// from the largest.
//
// The domain is that of the owner's data: noisy twins evaluate these factors at the logits that
// training has. A bound over all logits within the sigmoid's range would be some 100,000 times as
// large for a degree of 7.
//
// Models in the middle of a dual run with bootstrappings are joined by the owner from sums of E by
// public weights (segments.h). No key switch and no rescaling touches these sums, so that all they
// have beyond the errors of E, which the noisy twin has too, are the weights' own roundings: a
// weight f is the integer nearest to f r, r the quotient of the scales of the sums and of E_t. The
// deviation 1 / (r sqrt(12)) is some 2^-38, times E_t, |E_t| about 1; the sums of a segment of K
// have sqrt(K) times that in A_M and A_U, which later segments transport by T, of entries below 1 +
// 2 K' after K' iterations. The noisy twin draws and transports them so. (Joining is stable: T acts
// on them just as on the sums.)
NoiseModel modelled_noise(const TrainingPlan& plan);

// The twin of the solver of that form. Every iteration's model at which `wanted` is not false, c x
// d in scaled coordinates, is shown to `visit` and then forgotten; iterations count from 1. A
// dual's model takes a product that is saved where it is not wanted.
using ModelVisitor = std::function<void(int iteration, const RowMatrix& model)>;
void visit_twin_models(std::string_view form, const PreparedData& data, const Recipe& recipe,
                       const std::function<bool(int iteration)>& wanted, const ModelVisitor& visit,
                       const NoiseModel* noise = nullptr);

// Bounds of the model after every iteration.
struct ErrorBounds {
    std::vector<double> states, weights;
};

// The largest deviations from the exact run over `runs` >= 1 noisy runs (seeds noise.seed,
// noise.seed + 1, ...): of the states in scaled coordinates, and of all raw-feature weights
// (finish_model). Infinity where a run diverges. The runs share the threads; the result does not
// depend on their number.
ErrorBounds largest_deviations(const PlainRun& exact, const NoiseModel& noise,
                               const Preprocessing& preprocessing, int runs);

// The bounds on |decrypted - twin's|: `margin` times the largest deviations in `runs` noisy twins
// of the plan's modelled noise. Estimates that tell a sound run from a broken one, no worst case:
// not to be used for noise flooding. With independent errors the largest of d c nearly normal
// deviations varies by a few tens of percent from run to run; the margin of 4 leaves what the model
// leaves out (correlations between slots, products of errors).
//
// In scaled coordinates the noise is alike in every column; raw weights carry the column scales, so
// that one nearly constant feature can dominate their bound. `exact` is a run of the plan's solver
// and recipe.
ErrorBounds error_bounds(const TrainingPlan& plan, const PlainRun& exact,
                         const Preprocessing& preprocessing, int runs = 4, double margin = 4.0);

}  // namespace cipherfit
