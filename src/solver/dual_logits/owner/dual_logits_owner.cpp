#include "solver/dual_logits/owner/dual_logits_owner.h"

#include "cipherfit/ckks/encoder.h"
#include "solver/dual/owner/dual_owner.h"
#include "solver/dual_logits/dual_logits_solver.h"
#include "solver/dual_logits/segments.h"
#include "solver/owner/model_reader.h"
#include "solver/owner/send_messages.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <utility>

namespace cipherfit {

double largest_segment_coefficient(const TrainingPlan& plan, const PlainRun& run) {
    const int every = plan.models_every();
    double largest = 0;
    if (every == 0) {
        return largest;
    }
    const Recipe& recipe = plan.recipe();
    const auto see = [&](const RowMatrix& sum) {
        const std::vector<double> slots = dual_solver(plan).layout().pack_replicas(
            {sum.data(), plan.shape().samples, plan.shape().heads});
        largest = std::max(largest, largest_coefficient(std::vector<std::complex<double>>(
                                        slots.begin(), slots.end())));
    };
    RowMatrix before_main = RowMatrix::Zero(run.data().samples(), run.data().heads());
    RowMatrix before_extrapolated = before_main;
    run.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        const int end = t + 1;
        if (end % every != 0 || end == recipe.iterations) {
            return;
        }
        const Eigen::Matrix2d over = transport(recipe, end - every, end);
        see(main - over(0, 0) * before_main - over(0, 1) * before_extrapolated);
        see(extrapolated - over(1, 0) * before_main - over(1, 1) * before_extrapolated);
        before_main = main;
        before_extrapolated = extrapolated;
    });
    return largest;
}

namespace {

// The weights of errors in a segment's sums are integers, times the quotient of the scales.
double weight_rounding(const TrainingPlan& plan) {
    const DualLogitsSolver& solver = dual_logits_solver(plan);
    double largest = 0;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        largest = std::max(largest, solver.error_scale(plan, t));
    }
    return largest / solver.coefficient_scale(plan) / std::sqrt(12.0);
}

// Joins A_M and A_U at the boundaries from the sums of the segments that end there. The last model
// is the run's own.
class SegmentReader : public ModelReader {
  public:
    SegmentReader(const TrainingPlan& plan, const RowMatrix& xs)
        : plan_(plan),
          xs_(xs),
          main_(RowMatrix::Zero(static_cast<Eigen::Index>(plan.shape().samples),
                                static_cast<Eigen::Index>(plan.shape().heads))),
          extrapolated_(main_) {
        require_rows(plan, xs);
    }

    RowMatrix model(int iteration, const SlotBlocks& blocks) override {
        if (iteration == plan_.recipe().iterations) {
            return unpack_coefficients(plan_, blocks.at(0)).transpose() * xs_;
        }
        join(iteration, blocks);
        const bool is_main = plan_.recipe().model == ModelSequence::main;
        return (is_main ? main_ : extrapolated_).transpose() * xs_;
    }

  private:
    void join(int end, const SlotBlocks& blocks) {
        const Eigen::Matrix2d t = transport(plan_.recipe(), end - plan_.models_every(), end);
        RowMatrix main = t(0, 0) * main_ + t(0, 1) * extrapolated_;
        RowMatrix extrapolated = t(1, 0) * main_ + t(1, 1) * extrapolated_;
        main += unpack_coefficients(plan_, blocks.at(0));
        if (blocks.size() > 1) {
            extrapolated += unpack_coefficients(plan_, blocks[1]);
        } else {  // U = M
            extrapolated = main;
        }
        main_ = std::move(main);
        extrapolated_ = std::move(extrapolated);
    }

    const TrainingPlan& plan_;
    const RowMatrix& xs_;
    RowMatrix main_, extrapolated_;
};

class DualLogitsOwner : public DualOwner {
  public:
    std::string_view form() const noexcept override { return "dual_logits"; }

    NoiseModel noise(const TrainingPlan& plan) const override {
        NoiseModel noise = DualOwner::noise(plan);
        if (plan.models_every() > 0) {
            noise.segment_length = plan.models_every();
            noise.weights_std = weight_rounding(plan);
        }
        return noise;
    }

    // The logits.
    RefreshView refresh_view(const TrainingPlan& plan, const PreparedData& data) const override {
        return {.pack =
                    [&plan, kernel = gram_matrix(data)](const RowMatrix& state) {
                        const RowMatrix logits = kernel * state;
                        return SlotBlocks{dual_solver(plan).layout().pack_values(view(logits))};
                    },
                .one_scale = true,
                .with_last = false};
    }

    void require_room(const TrainingPlan& plan, const PlainRun& run) const override {
        if (plan.models_every() == 0) {
            return;
        }
        const double coefficient = largest_segment_coefficient(plan, run);
        const double most = dual_logits_solver(plan).segment_capacity(plan);
        require(coefficient <= most, ErrorCode::bad_input,
                "the sums that models in between are joined from have coefficients up to {:.3g}, "
                "more than the {:.3g} that the chain holds: plan without models in between, or "
                "with fewer scale bits",
                coefficient, most);
    }

    std::unique_ptr<ModelReader> reader(const TrainingPlan& plan,
                                        const RowMatrix& xs) const override {
        return std::make_unique<SegmentReader>(plan, xs);
    }
};

}  // namespace

const OwnerSolver& dual_logits_owner() {
    static const DualLogitsOwner owner;
    return owner;
}

}  // namespace cipherfit
