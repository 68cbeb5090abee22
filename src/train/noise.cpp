#include "cipherfit/train/noise.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/head.h"
#include "train/refresh.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
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

// The error of E before its replication: the polynomial's roundings, for logits and errors of
// those scales.
double polynomial_error(const TrainingPlan& plan, double logit_scale, double error_scale) {
    const Parameters& parameters = plan.parameters();
    const SigmoidPolynomial& sigmoid = plan.recipe().sigmoid;
    if (sigmoid.degree() == 1) {
        return rounding_error(parameters, error_scale);
    }
    // The masked copy of z has the scale that makes up for the leading coefficient; its rounding
    // reaches the errors through the polynomial's steepness. The square of z has its own, through
    // the higher terms.
    const double prime = prime_size(plan);
    double higher = 0;
    for (std::size_t k = 1; k < sigmoid.odd.size(); ++k) {
        higher +=
            std::abs(sigmoid.odd[k]) * std::pow(sigmoid.range, 2.0 * static_cast<double>(k) - 1);
    }
    const double square_scale = logit_scale * logit_scale / prime;
    const double masked_scale = error_scale * prime * std::abs(sigmoid.odd.back()) / square_scale;
    return std::hypot(switching_error(parameters, error_scale),
                      std::abs(sigmoid.odd.front()) * rounding_error(parameters, masked_scale),
                      higher * switching_error(parameters, square_scale));
}

// The scale of a state when it is multiplied: after a bootstrapping, up to a bit below twice the
// one of its result, in units of the range.
double least_state_scale(const TrainingPlan& plan) {
    const std::optional<RefreshPlan>& refresh = plan.refresh();
    if (!refresh || plan.refresh_count() == 0) {
        return plan.state_scale();
    }
    return std::min(plan.state_scale(), refresh->bootstrap.output_scale() / refresh->range());
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
    noise.refresh_std = refresh->range() * room *
                        std::hypot(refresh_rounding_error(refresh->bootstrap),
                                   refresh_transform_error(refresh->bootstrap));
    noise.refresh_gain = refresh_gain_error(refresh->bootstrap);
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
    noise.error_std =
        std::hypot(std::sqrt(lanes) * polynomial_error(plan, logit_scale, error_scale),
                   std::sqrt(lanes - 1) * switching_error(parameters, error_scale));
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
    const double logit_scale = carries_logits ? least_state_scale(plan) : product_scale;
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
    noise.error_std =
        std::hypot(std::sqrt(lanes) * polynomial_error(plan, logit_scale, error_scale),
                   std::sqrt(lanes - 1) * switching_error(parameters, error_scale));
    const double state_error =
        rounding_error(parameters, plan.state_scale()) / least_scale_share(plan);
    // The product's errors are those of the logits, or of the states where these are logits.
    noise.logits_std = carries_logits ? 0.0 : product_error;
    noise.state_std = carries_logits ? std::hypot(2 * product_error, state_error) : state_error;
    return noise;
}

// The largest deviation of `seen(model)` in noisy runs from that of the noiseless twin.
double largest_deviation(Solver solver, const PreparedData& data, const Recipe& recipe,
                         const NoiseModel& noise, int runs,
                         const std::function<RowMatrix(const RowMatrix&)>& seen) {
    require(runs >= 1, ErrorCode::invalid_argument, "{} noisy runs; at least 1 is needed", runs);
    const RowMatrix exact = seen(twin_model(solver, data, recipe));
    // A run that diverges must not pass for one without deviation.
    std::vector<double> deviations(static_cast<std::size_t>(runs),
                                   std::numeric_limits<double>::infinity());
    parallel_for(0, deviations.size(), [&](std::size_t run) {
        NoiseModel model = noise;
        model.seed += run;
        const RowMatrix noisy = twin_model(solver, data, recipe, &model);
        if (noisy.allFinite()) {
            deviations[run] = (seen(noisy) - exact).cwiseAbs().maxCoeff();
        }
    });
    return *std::max_element(deviations.begin(), deviations.end());
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

RowMatrix twin_model(Solver solver, const PreparedData& data, const Recipe& recipe,
                     const NoiseModel* noise) {
    RowMatrix last;
    visit_twin_models(
        solver, data, recipe, [&](int iteration) { return iteration == recipe.iterations; },
        [&](int /*iteration*/, const RowMatrix& model) { last = model; }, noise);
    return last;
}

double max_deviation(Solver solver, const PreparedData& data, const Preprocessing& preprocessing,
                     const Recipe& recipe, const NoiseModel& noise, int runs) {
    return largest_deviation(solver, data, recipe, noise, runs, [&](const RowMatrix& model) {
        return finish_model(model, preprocessing, recipe).weights;
    });
}

double state_error_bound(const TrainingPlan& plan, const PreparedData& data, int runs,
                         double margin) {
    return margin * largest_deviation(plan.solver(), data, plan.recipe(), modelled_noise(plan),
                                      runs, [](const RowMatrix& model) { return model; });
}

double weight_error_bound(const TrainingPlan& plan, const PreparedData& data,
                          const Preprocessing& preprocessing, int runs, double margin) {
    return margin * max_deviation(plan.solver(), data, preprocessing, plan.recipe(),
                                  modelled_noise(plan), runs);
}

}  // namespace cipherfit
