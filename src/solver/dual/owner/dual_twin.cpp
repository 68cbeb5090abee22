#include "solver/dual/owner/dual_twin.h"

#include "cipherfit/train/recurrence.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

RowMatrix gram_matrix(const PreparedData& data) {
    return data.xs * data.xs.transpose();
}

RowMatrix model_of(const RowMatrix& coefficients, const PreparedData& data) {
    return coefficients.transpose() * data.xs;
}

namespace {

// What rounded weights change in the models at the ends of segments: each of the sums of a segment
// by its own roundings, which the owner's recurrence then transports. Nothing that training goes on
// with is changed.
class SegmentRounding {
  public:
    SegmentRounding(const NoiseModel& noise, const Recipe& recipe, const RowMatrix& zero)
        : noise_(noise),
          recipe_(recipe),
          main_(zero),
          extrapolated_(zero),
          main_sum_(zero),
          extrapolated_sum_(zero) {}

    void add(int t, const RowMatrix& error) {
        if (noise_.segment_length == 0) {
            return;
        }
        Recurrence(recipe_).carry(t, main_, extrapolated_);
        const auto draw = [&](Quantity quantity) {
            return drawn(noise_.weights_std, noise_.seed, quantity, t);
        };
        main_sum_ += draw(Quantity::segment_main) * error;
        extrapolated_sum_ += draw(Quantity::segment_extrapolated) * error;
        if (ends_segment(t)) {
            main_ += main_sum_;
            extrapolated_ += has_momentum(recipe_) ? extrapolated_sum_ : main_sum_;
            main_sum_.setZero();
            extrapolated_sum_.setZero();
        }
    }
    // The model after the last iteration is not joined from segments.
    bool ends_segment(int t) const {
        return noise_.segment_length > 0 && (t + 1) % noise_.segment_length == 0 &&
               t + 1 < recipe_.iterations;
    }
    const RowMatrix& main() const { return main_; }
    const RowMatrix& extrapolated() const { return extrapolated_; }

  private:
    const NoiseModel& noise_;
    const Recipe& recipe_;
    RowMatrix main_, extrapolated_;          // at the end of the last segment, transported
    RowMatrix main_sum_, extrapolated_sum_;  // of the segment at hand
};

}  // namespace

StateRun run_dual_twin(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                       const StateVisitor& callback) {
    const NoiseModel model = noise == nullptr ? NoiseModel{} : *noise;
    require_runnable(data, recipe, model);
    require(model.gradient_std == 0.0, ErrorCode::invalid_argument,
            "the dual has no gradient to disturb, got a deviation of {}", model.gradient_std);
    require(batch_count(recipe, static_cast<std::size_t>(data.samples())) == 1,
            ErrorCode::invalid_argument, "the dual solver takes all samples in every iteration");
    const auto disturb = [&model](RowMatrix& target, double std, Quantity quantity, int iteration) {
        add_noise(target, std, model.seed, quantity, iteration);
    };

    RowMatrix kernel = gram_matrix(data);
    RowMatrix y = data.y;
    RowMatrix z0 = data.z0;
    disturb(kernel, model.features_std, Quantity::features, 0);
    disturb(y, model.labels_std, Quantity::labels, 0);
    disturb(z0, model.initial_std, Quantity::initial, 0);

    StateRun result;
    RowMatrix& main = result.main;
    RowMatrix& extrapolated = result.extrapolated;
    main = RowMatrix::Zero(data.samples(), data.heads());
    extrapolated = main;
    // In a run with bootstrappings the logits K A are what goes on, and the states' errors are
    // theirs: kept apart here, where they go through the same recurrence.
    const bool carries_logits = !model.refreshes.empty();
    RowMatrix main_error = main;
    RowMatrix extrapolated_error = main;
    const bool at_main = recipe.gradient_at == ModelSequence::main;
    SegmentRounding rounding(model, recipe, main);
    const Recurrence recurrence(recipe);
    for (int t = 0; t < recipe.iterations; ++t) {
        RowMatrix z = z0;
        if (model.refreshes_before(t)) {
            // What the factor adds to the carried logits is an error of theirs.
            main_error -= model.refresh_loss * (kernel * main + main_error);
            extrapolated_error -= model.refresh_loss * (kernel * extrapolated + extrapolated_error);
            disturb(main_error, model.refresh_std, Quantity::refreshed_main, t);
            disturb(extrapolated_error, model.refresh_std, Quantity::refreshed_extrapolated, t);
        }
        if (t > 0) {
            z += kernel * (at_main ? main : extrapolated) +
                 (at_main ? main_error : extrapolated_error);
        }
        disturb(z, model.logits_std, Quantity::logits, t);
        result.max_abs_z.push_back(largest_magnitude(z));

        RowMatrix error = y - z.unaryExpr(recipe.sigmoid);
        add_error_noise(error, z, recipe, model, t);

        RowMatrix next = recurrence.next_main(t, extrapolated, error);
        RowMatrix next_error = recurrence.kept() * extrapolated_error;
        disturb(carries_logits ? next_error : next, model.state_std, Quantity::main, t);
        extrapolated = recurrence.next_extrapolated(t, next, main);
        extrapolated_error = recurrence.next_extrapolated(t, next_error, main_error);
        disturb(carries_logits ? extrapolated_error : extrapolated, model.state_std,
                Quantity::extrapolated, t);
        main = std::move(next);
        main_error = std::move(next_error);

        result.max_abs_state = std::max(
            {result.max_abs_state, largest_magnitude(main), largest_magnitude(extrapolated)});
        result.max_abs_held =
            std::max(result.max_abs_held, largest_held(main, extrapolated, recurrence.eta(t)));
        rounding.add(t, error);
        if (callback && rounding.ends_segment(t)) {
            callback(t, main + rounding.main(), extrapolated + rounding.extrapolated());
        } else if (callback) {
            callback(t, main, extrapolated);
        }
    }
    return result;
}

}  // namespace cipherfit
