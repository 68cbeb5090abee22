#include "cipherfit/train/noise.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/head.h"
#include "train/refresh.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

constexpr double error_sigma = 3.2;

double slot_scale(const Parameters& parameters) {
    return std::sqrt(static_cast<double>(parameters.n()) / 2);
}

// Any prime of the chain but the first is close enough to 2^scale_bits.
double prime_size(const TrainingPlan& plan) {
    return std::ldexp(1.0, static_cast<int>(plan.scale_bits()));
}

// The smallest factor gives the errors their smallest scale.
double least_factor(const TrainingPlan& plan) {
    double factor = plan.gradient_factor(0);
    for (int t = 1; t < plan.recipe().iterations; ++t) {
        factor = std::min(factor, plan.gradient_factor(t));
    }
    return factor;
}

// What part of the plan's scale the other sequence's can be: half, as 1 - eta is at most 2, and
// less where M is the other one and an eta is near 1.
double least_scale_share(const TrainingPlan& plan) {
    double share = 0.5;
    if (plan.recipe().gradient_at == ModelSequence::extrapolated) {
        for (const double eta : plan.recipe().etas) {
            share = std::min(share, 1.0 - eta);
        }
    }
    return share;
}

// The scales that logits have in the iterations of a run.
struct ScaleRange {
    double least, most;
};

// The errors of the sigmoid's evaluation (linalg/odd_polynomial.h), for logits and errors of those
// scales. Small logits make for a small square, large ones for a small masked copy.
SigmoidNoise sigmoid_noise(const TrainingPlan& plan, const ScaleRange& logits, double error_scale) {
    const Parameters& parameters = plan.parameters();
    const std::vector<double>& odd = plan.recipe().sigmoid.odd;
    const double prime = prime_size(plan);
    const double lead = std::abs(odd.back());
    const auto square_of = [&](double logit) { return logit * logit / prime; };
    SigmoidNoise noise;
    noise.square_std = switching_error(parameters, square_of(logits.least));
    const double least = square_of(logits.least);
    const double most = square_of(logits.most);
    switch (odd.size()) {
        case 1:
            return {};
        case 2:
            // m z times W = |c3| y + c1, at the scale of y over |c3|.
            noise.masked_std = rounding_error(parameters, error_scale * prime * lead / most);
            break;
        case 3:
            // W is itself relinearised, at the scale of y^2 over |c5| and a prime.
            noise.factor_std = switching_error(parameters, least * least / (lead * prime));
            noise.masked_std =
                rounding_error(parameters, error_scale * prime * prime * lead / (most * most));
            break;
        default: {
            // m z (c5 + c7 y) times y^2, plus m z (c1 + c3 y).
            const double fourth = most * most / prime;
            noise.fourth_std = switching_error(parameters, least * least / prime);
            noise.masked_std =
                rounding_error(parameters, error_scale * prime * prime * lead / (fourth * most));
            noise.high_std = switching_error(parameters, error_scale * prime / fourth);
            noise.low_std = switching_error(
                parameters, error_scale * prime * lead / (fourth * std::abs(odd[1])));
        }
    }
    return noise;
}

// What the last step of the evaluation adds, in every slot.
double last_error(const TrainingPlan& plan, double error_scale) {
    const Parameters& parameters = plan.parameters();
    return plan.recipe().sigmoid.degree() == 1 ? rounding_error(parameters, error_scale)
                                               : switching_error(parameters, error_scale);
}

// The errors of E, whose evaluation is replicated over so many slots.
void set_error_noise(NoiseModel& noise, const TrainingPlan& plan, const ScaleRange& logits,
                     double error_scale, double copies) {
    noise.error_std =
        std::hypot(std::sqrt(copies) * last_error(plan, error_scale),
                   std::sqrt(copies - 1) * switching_error(plan.parameters(), error_scale));
    noise.sigmoid = sigmoid_noise(plan, logits, error_scale);
    noise.sigmoid.others = copies - 1;
}

// The scale of a state when it is multiplied: after a bootstrapping, up to a bit below twice the
// one of its result, in units of the range.
double least_state_scale(const TrainingPlan& plan) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return plan.state_scale();
    }
    const auto together = static_cast<double>(refresh->bootstrap.slots() / state_period(plan));
    return std::min(plan.state_scale(),
                    together * refresh->bootstrap.output_scale() / refresh->range());
}

// Of the bootstrappings: their roundings, and the factor that both sequences get, as they go
// through one.
void add_refreshes(NoiseModel& noise, const TrainingPlan& plan) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return;
    }
    // The dual's mask brings messages to the largest scale; else a whole factor does, which may be
    // a fraction too small. U is read at the scale of M: its errors are 1 - eta times as large.
    double room = 1.0;
    if (plan.solver() == Solver::primal) {
        const double whole = std::floor(refresh->bootstrap.largest_message() /
                                        (plan.state_scale() * refresh->range()));
        const std::vector<double>& etas = plan.recipe().etas;
        const double least = etas.empty() ? 0.0 : *std::min_element(etas.begin(), etas.end());
        room = (1.0 + 1.0 / std::max(whole, 1.0)) * std::max(1.0, 1.0 - least);
    }
    noise.refresh_loss = refresh_loss(refresh->bootstrap);
    // That is the loss of coefficients that are small beside the largest; larger ones lose less. In
    // a slot, which is a sum of 2p coefficients with factors of size 1, what is uneven of it comes
    // to a third (few coefficients, many of them large) to four fifths (thousands, few of them
    // large) of what a coefficient of the range's size would lose.
    constexpr double uneven = 0.5;
    noise.refresh_std =
        refresh->range() * room *
        std::hypot(refresh_rounding_error(refresh->bootstrap, state_period(plan)),
                   refresh_transform_error(refresh->bootstrap), uneven * noise.refresh_loss);
    for (std::size_t t = 0; t < plan.levels().size(); ++t) {
        if (plan.levels()[t].refresh) {
            noise.refreshes.push_back(static_cast<int>(t));
        }
    }
}

NoiseModel primal_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const std::size_t lane_count = plan.layout().lane() / plan.layout().padded_classes();
    const auto lanes = static_cast<double>(lane_count);
    const double prime = prime_size(plan);
    const double logit_scale = least_state_scale(plan) * plan.feature_scale() / prime;
    const ScaleRange logit_scales{logit_scale, plan.state_scale() * plan.feature_scale() / prime};
    const double error_scale =
        plan.state_scale() * prime * least_factor(plan) / plan.feature_scale();

    NoiseModel noise;
    // Baby shift h carries h switches; on average half of the largest.
    const auto babies =
        static_cast<double>(std::max(plan.shifts().forward_baby, plan.shifts().backward_baby) - 1);
    noise.features_std =
        std::hypot(fresh_error(parameters, plan.feature_scale()),
                   std::sqrt(babies / 2) * switching_error(parameters, plan.feature_scale()));
    noise.labels_std =
        std::hypot(std::sqrt(lanes) * fresh_error(parameters, plan.label_scale()),
                   std::sqrt(lanes - 1) * switching_error(parameters, plan.label_scale()));
    noise.logits_std = std::hypot(std::sqrt(lanes) * rounding_error(parameters, logit_scale),
                                  std::sqrt(lanes - 1) * switching_error(parameters, logit_scale));
    set_error_noise(noise, plan, logit_scales, error_scale, lanes);
    noise.gradient_std = 0;
    noise.state_std = rounding_error(parameters, plan.state_scale()) / least_scale_share(plan);
    return noise;
}

// The error of an entry of K.
double kernel_error(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const double scale = plan.feature_scale();
    if (plan.kernel_source() == KernelSource::owner) {
        return fresh_error(parameters, scale);
    }
    // x_i . x_j with an error in both, |x_i|^2 = K_ii <= 4; the fold of c' rounded products; and
    // the replication, which sums c' slots, each with the mask's rounding and a rotation's error,
    // on top of its own rotations.
    const auto classes = static_cast<double>(plan.kernel().padded_classes());
    const double product = scale * scale / prime_size(plan);
    return std::hypot(
        std::sqrt(8.0) *
            std::hypot(fresh_error(parameters, scale), switching_error(parameters, scale)),
        std::sqrt(2 * classes - 1) * switching_error(parameters, product),
        std::sqrt(3 * classes - 1) * switching_error(parameters, plan.product_scale()));
}

NoiseModel dual_noise(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const auto lanes = static_cast<double>(plan.kernel().lanes());
    const auto giants = static_cast<double>(plan.kernel().giants());
    const bool carries_logits = plan.refresh_count() > 0;
    // Of the logits as they are made, and as they enter the sigmoid.
    const double product_scale = carries_logits
                                     ? plan.state_scale()
                                     : plan.state_scale() * plan.product_scale() / prime_size(plan);
    ScaleRange logit_scales{product_scale, product_scale};
    if (carries_logits) {
        // Those of the first iteration come from the owner.
        logit_scales.least = std::min(least_state_scale(plan), plan.logit_scale());
    }
    const double error_scale = plan.state_scale() * least_factor(plan) *
                               (carries_logits ? prime_size(plan) / plan.product_scale() : 1.0);
    // The largest eigenvalue of K, hence the largest norm of a row (preprocess.h).
    constexpr double largest_row = 4;

    NoiseModel noise;
    noise.features_std = kernel_error(plan);
    noise.labels_std = fresh_error(parameters, plan.label_scale());
    const double product_error =
        std::hypot(std::sqrt(lanes * (2 * giants - 1)) * switching_error(parameters, product_scale),
                   std::sqrt(lanes - 1) * switching_error(parameters, product_scale),
                   largest_row * switching_error(parameters, carries_logits ? error_scale
                                                                            : plan.state_scale()));
    set_error_noise(noise, plan, logit_scales, error_scale, lanes);
    const double state_error =
        rounding_error(parameters, plan.state_scale()) / least_scale_share(plan);
    // The product's errors are those of the logits, or of the states where these are logits.
    noise.logits_std = carries_logits ? 0.0 : product_error;
    if (carries_logits && plan.initial_logits()) {
        // Z_0 joins them after a rescaling.
        noise.logits_std = std::hypot(fresh_error(parameters, plan.logit_scale()),
                                      rounding_error(parameters, least_state_scale(plan)));
    }
    noise.state_std = carries_logits ? std::hypot(2 * product_error, state_error) : state_error;
    return noise;
}

using Seen = std::function<RowMatrix(const RowMatrix&)>;

// As many models as are held at once while runs are compared.
constexpr double most_model_bytes = 1 << 30;

using Deviations = std::vector<std::vector<double>>;  // [view][iteration]

// The largest deviation of `seen(model)` in noisy runs from that of the exact one, for every view
// and every iteration.
Deviations deviations_of(const PlainRun& plain, const NoiseModel& noise, int runs,
                         const std::vector<Seen>& views) {
    const PreparedData& data = plain.data();
    const Recipe& recipe = plain.recipe();
    const Solver solver = plain.solver();
    const bool is_main = recipe.model == ModelSequence::main;
    require(runs >= 1, ErrorCode::invalid_argument, "{} noisy runs; at least 1 is needed", runs);
    const auto count = static_cast<std::size_t>(runs);
    const auto iterations = static_cast<std::size_t>(recipe.iterations);
    // A run that diverges must not pass for one without deviation.
    std::vector<std::vector<std::vector<double>>> deviations(
        count,
        {views.size(), std::vector<double>(iterations, std::numeric_limits<double>::infinity())});
    // Models that do not fit into memory together are made again, a part of the run each time.
    const double model_bytes =
        8.0 * static_cast<double>(data.heads()) * static_cast<double>(data.xs.cols());
    const int part =
        static_cast<int>(std::clamp(most_model_bytes / model_bytes, 1.0, double{max_iterations}));
    for (int begin = 1; begin <= recipe.iterations; begin += part) {
        const auto wanted = [&](int t) { return t >= begin && t - begin < part; };
        std::vector<RowMatrix> exact;
        plain.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
            if (wanted(t + 1)) {
                const RowMatrix& taken = is_main ? main : extrapolated;
                exact.push_back(solver == Solver::primal ? taken : model_of(taken, data));
            }
        });
        parallel_for(0, count, [&](std::size_t run) {
            NoiseModel model = noise;
            model.seed += run;
            const auto compare = [&](int t, const RowMatrix& noisy) {
                const RowMatrix& twin = exact[static_cast<std::size_t>(t - begin)];
                for (std::size_t view = 0; view < views.size() && noisy.allFinite(); ++view) {
                    deviations[run][view][static_cast<std::size_t>(t - 1)] =
                        (views[view](noisy) - views[view](twin)).cwiseAbs().maxCoeff();
                }
            };
            visit_twin_models(solver, data, recipe, wanted, compare, &model);
        });
    }
    for (std::size_t run = 1; run < count; ++run) {
        for (std::size_t view = 0; view < views.size(); ++view) {
            std::transform(deviations[run][view].begin(), deviations[run][view].end(),
                           deviations[0][view].begin(), deviations[0][view].begin(),
                           [](double a, double b) { return std::max(a, b); });
        }
    }
    return std::move(deviations[0]);
}

Seen as_weights(const Preprocessing& preprocessing, const Recipe& recipe) {
    return
        [&](const RowMatrix& model) { return finish_model(model, preprocessing, recipe).weights; };
}

RowMatrix as_states(const RowMatrix& model) {
    return model;
}

// The weights of errors in a segment's sums are integers, times the quotient of the scales.
double weight_rounding(const TrainingPlan& plan) {
    double largest = 0;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        largest = std::max(largest, plan.error_scale(t));
    }
    return largest / plan.coefficient_scale() / std::sqrt(12.0);
}

}  // namespace

double fresh_error(const Parameters& parameters, double scale) {
    return slot_scale(parameters) * std::sqrt(error_sigma * error_sigma + 1.0 / 12) / scale;
}

double rounding_error(const Parameters& parameters, double scale) {
    const double secret_weight = 2.0 * static_cast<double>(parameters.n()) / 3;
    return slot_scale(parameters) * std::sqrt((1 + secret_weight) / 12) / scale;
}

double switching_error(const Parameters& parameters, double scale) {
    double log_p = 0;
    for (std::size_t i = 0; i < parameters.special_primes(); ++i) {
        log_p += std::log2(static_cast<double>(parameters.p(i)));
    }
    double ratios = 0;
    const std::size_t size = parameters.digit_size();
    for (std::size_t first = 0; first <= parameters.max_level(); first += size) {
        double log_digit = 0;
        for (std::size_t i = first; i < std::min(first + size, parameters.max_level() + 1); ++i) {
            log_digit += std::log2(static_cast<double>(parameters.q(i)));
        }
        ratios += std::exp2(2 * (log_digit - log_p));
    }
    return rounding_error(parameters, scale) *
           std::sqrt(1 + 1.5 * error_sigma * error_sigma * ratios);
}

NoiseModel modelled_noise(const TrainingPlan& plan) {
    NoiseModel noise = plan.solver() == Solver::primal ? primal_noise(plan) : dual_noise(plan);
    add_refreshes(noise, plan);
    if (plan.segment_length() > 0) {
        noise.segment_length = plan.segment_length();
        noise.weights_std = weight_rounding(plan);
    }
    return noise;
}

void visit_twin_models(Solver solver, const PreparedData& data, const Recipe& recipe,
                       const std::function<bool(int iteration)>& wanted, const ModelVisitor& visit,
                       const NoiseModel* noise) {
    if (solver == Solver::primal) {
        run_twin(data, recipe, noise, [&](const TwinIteration& after) {
            if (wanted(after.iteration + 1)) {
                visit(after.iteration + 1, after.model);
            }
        });
        return;
    }
    const bool is_main = recipe.model == ModelSequence::main;
    run_dual_twin(data, recipe, noise,
                  [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                      if (wanted(t + 1)) {
                          visit(t + 1, model_of(is_main ? main : extrapolated, data));
                      }
                  });
}

ErrorBounds largest_deviations(const PlainRun& exact, const NoiseModel& noise,
                               const Preprocessing& preprocessing, int runs) {
    Deviations found =
        deviations_of(exact, noise, runs, {as_states, as_weights(preprocessing, exact.recipe())});
    return {std::move(found[0]), std::move(found[1])};
}

ErrorBounds error_bounds(const TrainingPlan& plan, const PlainRun& exact,
                         const Preprocessing& preprocessing, int runs, double margin) {
    ErrorBounds bounds = largest_deviations(exact, modelled_noise(plan), preprocessing, runs);
    for (std::vector<double>* values : {&bounds.states, &bounds.weights}) {
        for (double& value : *values) {
            value *= margin;
        }
    }
    return bounds;
}

}  // namespace cipherfit
