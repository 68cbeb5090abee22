// What the primal and the dual twin share: modelled noise and the checks of their inputs.
#pragma once

#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/recurrence.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace cipherfit {

// Which quantity a stream of noise is for.
enum class Quantity : std::uint32_t {
    features,
    labels,
    logits,
    error,
    gradient,
    main,
    extrapolated,
    refreshed_main,
    refreshed_extrapolated,
    segment_main,
    segment_extrapolated,
    initial,
    operand
};

// Adds N(0, std^2) to every entry, from a stream of its own for (seed, quantity, iteration).
void add_noise(RowMatrix& target, double std, std::uint64_t seed, Quantity quantity, int iteration);

// Adds what an evaluation of the sigmoid at the logits z adds to the errors E: the model's
// error_std, and its SigmoidNoise.
void add_error_noise(RowMatrix& error, const RowMatrix& z, const Recipe& recipe,
                     const NoiseModel& noise, int iteration);

// One draw of N(0, std^2), from such a stream.
double drawn(double std, std::uint64_t seed, Quantity quantity, int iteration);

// Throws Error(invalid_argument) for what run_twin() refuses.
void require_runnable(const PreparedData& data, const Recipe& recipe, const NoiseModel& noise);

// TwinResult::max_abs_held of one iteration.
double largest_held(const RowMatrix& main, const RowMatrix& extrapolated, double eta);

// The largest magnitude, NaN where there is one.
double largest_magnitude(const RowMatrix& values);

// Iteration t of both sequences, with the model's noise. `run` holds them, and the largest values
// that they have had: a TwinResult or a StateRun.
template <class Run>
void advance(Run& run, const Recurrence& recurrence, int t, const RowMatrix& gradient,
             const NoiseModel& model) {
    RowMatrix next = recurrence.next_main(t, run.extrapolated, gradient);
    add_noise(next, model.state_std, model.seed, Quantity::main, t);
    run.extrapolated = recurrence.next_extrapolated(t, next, run.main);
    add_noise(run.extrapolated, model.state_std, model.seed, Quantity::extrapolated, t);
    run.main = std::move(next);
    run.max_abs_state = std::max(
        {run.max_abs_state, largest_magnitude(run.main), largest_magnitude(run.extrapolated)});
    run.max_abs_held =
        std::max(run.max_abs_held, largest_held(run.main, run.extrapolated, recurrence.eta(t)));
}

}  // namespace cipherfit
