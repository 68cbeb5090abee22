#include "cipherfit/train/owner/rehearse.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/head.h"
#include "cipherfit/train/owner/twin.h"
#include "train/owner/rehearsal_folds.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

constexpr double usable_share = 0.95;  // of the sigmoid's range
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Outcome {
    int right = 0;
    double loss = 0.0;  // summed
    double max_abs_z = 0.0;
    double max_abs_z_held_out = 0.0;
};

// max that keeps a NaN.
double larger(double a, double b) {
    return std::isnan(a) || a > b ? a : b;
}

Outcome run(const RehearsalProblem& problem, const Recipe& recipe) {
    Outcome outcome;
    const TwinResult result =
        run_twin(problem.data, recipe, nullptr, [&](const TwinIteration& after) {
            if (after.iteration + 1 < recipe.iterations && problem.held_out.size() != 0) {
                const bool at_main = recipe.gradient_at == ModelSequence::main;
                const RowMatrix z =
                    problem.held_out * (at_main ? after.main : after.extrapolated).transpose();
                outcome.max_abs_z_held_out =
                    larger(largest_magnitude(z), outcome.max_abs_z_held_out);
            }
        });
    outcome.max_abs_z = result.largest_abs_z();
    if (problem.held_labels.empty()) {
        return outcome;
    }
    const RowMatrix scores = problem.held_out * rows_of_classes(result.model()).transpose();
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        const auto row = scores.row(i);
        if (!row.allFinite()) {
            outcome.loss = infinity;
            continue;
        }
        const int label = problem.held_labels[static_cast<std::size_t>(i)];
        Eigen::Index best = 0;
        row.maxCoeff(&best);
        outcome.right += best == label ? 1 : 0;
        outcome.loss += softmax_loss(row, label);
    }
    return outcome;
}

// The largest |m_t| / |m_0|, t = 1..T, of the recurrence of recipe.h for Q = -curvature u, over
// curvatures in (0, stability].
double error_growth(const std::vector<double>& etas, double stability) {
    constexpr int points = 64;
    double growth = 0.0;
    for (int i = 1; i <= points; ++i) {
        const double curvature = stability * i / points;
        double main = 1.0;
        double extrapolated = 1.0;
        for (const double eta : etas) {
            const double next = (1.0 - curvature) * extrapolated;
            extrapolated = (1.0 - eta) * next + eta * main;
            main = next;
            growth = larger(std::abs(main), growth);
        }
    }
    return growth;
}

void require_options(const RehearsalOptions& options) {
    require(options.iterations >= 1 && options.iterations <= max_iterations, ErrorCode::bad_input,
            "{} iterations are outside 1..{}", options.iterations, max_iterations);
    require(options.folds >= 2, ErrorCode::bad_input,
            "{} folds of cross-validation; at least 2 are needed", options.folds);
    require(!options.step || (*options.step > 0.0 && *options.step <= 1e6), ErrorCode::bad_input,
            "step {} is outside (0, 1e6]", options.step.value_or(0.0));
}

std::vector<Recipe> make_grid(const RehearsalOptions& options) {
    const std::vector<double> steps =
        options.step ? std::vector{*options.step}
                     : std::vector{0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0};
    const std::vector<double> ranges =
        options.range ? std::vector{*options.range} : std::vector{8.0, 12.0, 16.0, 24.0, 32.0};
    std::vector<Recipe> grid;
    for (const double range : ranges) {
        const SigmoidPolynomial sigmoid = fit_sigmoid(options.degree.value_or(3), range);
        for (const double step : steps) {
            Recipe recipe = standard_recipe(options.iterations, step, sigmoid, options.momentum);
            recipe.decay = options.decay;
            grid.push_back(std::move(recipe));
        }
    }
    return grid;
}

double reach(const RehearsalCandidate& candidate) {
    return larger(candidate.max_abs_z, candidate.max_abs_z_held_out);
}

RehearsalCandidate judge(const Recipe& recipe, std::span<const Outcome> outcomes, std::size_t rows,
                         double lambda_max) {
    RehearsalCandidate candidate;
    candidate.step = recipe.steps.front();
    candidate.degree = recipe.sigmoid.degree();
    candidate.range = recipe.sigmoid.range;
    int right = 0;
    for (const Outcome& outcome : outcomes) {
        right += outcome.right;
        candidate.loss += outcome.loss;
        candidate.max_abs_z = larger(outcome.max_abs_z, candidate.max_abs_z);
        candidate.max_abs_z_held_out =
            larger(outcome.max_abs_z_held_out, candidate.max_abs_z_held_out);
    }
    candidate.accuracy = right / static_cast<double>(rows);
    candidate.loss /= static_cast<double>(rows);
    candidate.stability = candidate.step * recipe.sigmoid.derivative(0.0) * lambda_max;
    // A straight line pulls back wherever it is evaluated: its range is only where it was fitted.
    const double reached = reach(candidate);
    candidate.in_range =
        candidate.degree == 1 ? std::isfinite(reached) : reached <= usable_share * candidate.range;
    // The margin is for rounding: at stability 2 the growth is one exactly.
    candidate.stable = error_growth(recipe.etas, candidate.stability) <= 1.0 + 1e-9;
    return candidate;
}

// The scores of the folds' held-out rows, one fold after the other.
HeldOutScores held_out_scores(const std::vector<RehearsalProblem>& problems, const Recipe& recipe) {
    std::vector<RowMatrix> parts(problems.size());
    parallel_for(0, problems.size(), [&](std::size_t i) {
        if (!problems[i].held_labels.empty()) {
            const TwinResult result = run_twin(problems[i].data, recipe);
            parts[i] = problems[i].held_out * rows_of_classes(result.model()).transpose();
        }
    });
    HeldOutScores all;
    for (const RehearsalProblem& problem : problems) {
        all.labels.insert(all.labels.end(), problem.held_labels.begin(), problem.held_labels.end());
    }
    Eigen::Index next = 0;
    for (const RowMatrix& part : parts) {
        if (part.rows() == 0) {
            continue;
        }
        if (next == 0) {
            all.scores.resize(static_cast<Eigen::Index>(all.labels.size()), part.cols());
        }
        require(part.cols() == all.scores.cols(), ErrorCode::internal,
                "a fold scores {} classes, the first one {}", part.cols(), all.scores.cols());
        all.scores.middleRows(next, part.rows()) = part;
        next += part.rows();
    }
    return all;
}

// What makes a run stay in range that diverges, found out by trying: more decay, no momentum, both,
// or fewer iterations.
std::string working_remedy(const std::vector<RehearsalProblem>& problems,
                           const RehearsalOptions& options, std::size_t rows, double lambda_max) {
    constexpr double decay = 0.01;
    const auto works = [&](const RehearsalOptions& changed) {
        const std::vector<Recipe> grid = make_grid(changed);
        return std::any_of(grid.begin(), grid.end(), [&](const Recipe& recipe) {
            std::vector<Outcome> outcomes(problems.size());
            parallel_for(0, problems.size(),
                         [&](std::size_t i) { outcomes[i] = run(problems[i], recipe); });
            const RehearsalCandidate candidate = judge(recipe, outcomes, rows, lambda_max);
            return candidate.in_range && (candidate.stable || options.step.has_value());
        });
    };
    RehearsalOptions changed = options;
    changed.decay = std::max(decay, options.decay);
    if (changed.decay > options.decay && works(changed)) {
        return fmt::format("use a decay of {}", decay);
    }
    if (options.momentum == Momentum::nesterov) {
        changed.momentum = Momentum::none;
        if (changed.decay > options.decay && works(changed)) {
            return fmt::format("use no momentum and a decay of {}", decay);
        }
        changed.decay = options.decay;
        if (works(changed)) {
            return "use no momentum";
        }
    }
    changed = options;
    while (changed.iterations > 1) {
        changed.iterations /= 2;
        if (works(changed)) {
            return fmt::format("use {} iterations or fewer", changed.iterations);
        }
    }
    return "use other features, or leave out the step that was given";
}

[[noreturn]] void fail(const std::vector<RehearsalCandidate>& candidates,
                       const std::vector<RehearsalProblem>& problems,
                       const RehearsalOptions& options, std::size_t rows, double lambda_max) {
    const auto excess = [](const RehearsalCandidate& candidate) {
        const double ratio = reach(candidate) / candidate.range;
        return std::isnan(ratio) ? infinity : ratio;
    };
    const auto nearest =
        std::min_element(candidates.begin(), candidates.end(),
                         [&](const auto& a, const auto& b) { return excess(a) < excess(b); });
    if (nearest->in_range) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("no step of the search is stable over {} iterations with the "
                                "sigmoid of degree {}: step {} on [-{}, {}] has the stability "
                                "number {:.3g}; pin a smaller step",
                                options.iterations, nearest->degree, nearest->step, nearest->range,
                                nearest->range, nearest->stability));
    }
    if (!std::isfinite(reach(*nearest))) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("training diverges in the rehearsal of {} iterations: |z| grows "
                        "beyond all numbers with every step and range that was tried: {}",
                        options.iterations, working_remedy(problems, options, rows, lambda_max)));
    }
    throw Error(
        ErrorCode::bad_input,
        fmt::format(
            "|z| leaves the sigmoid's range in the rehearsal of {} iterations: at best, "
            "step {} with the degree-{} sigmoid on [-{}, {}] reaches |z| = {:.3g} and may "
            "reach {:.3g}; {}a smaller step or fewer iterations, or standardise the columns: "
            "whitened features keep |z| small",
            options.iterations, nearest->step, nearest->degree, nearest->range, nearest->range,
            reach(*nearest), usable_share * nearest->range,
            options.range ? "use a wider range, " : "use "));
}

std::size_t choose_candidate(const std::vector<RehearsalCandidate>& candidates,
                             const std::vector<RehearsalProblem>& problems,
                             const RehearsalOptions& options, std::size_t rows, double lambda_max) {
    const auto usable = [&options](const RehearsalCandidate& candidate) {
        return candidate.in_range && (candidate.stable || options.step.has_value());
    };
    double best = -1.0;
    for (const auto& candidate : candidates) {
        if (usable(candidate)) {
            best = std::max(best, candidate.accuracy);
        }
    }
    if (best < 0.0) {
        fail(candidates, problems, options, rows, lambda_max);
    }
    // The comparison is between counts of rows; a share of a row absorbs the rounding.
    const double n = static_cast<double>(rows);
    const double least = best - std::sqrt(best * (1.0 - best) / n) - 1e-6 / n;
    std::size_t chosen = candidates.size();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& candidate = candidates[i];
        if (usable(candidate) && candidate.accuracy >= least &&
            (chosen == candidates.size() ||
             std::pair(candidate.loss, candidate.stability) <
                 std::pair(candidates[chosen].loss, candidates[chosen].stability))) {
            chosen = i;
        }
    }
    return chosen;
}

}  // namespace

Rehearsal rehearse(const RowMatrix& raw, std::span<const int> labels, int classes,
                   const RehearsalOptions& options) {
    require_options(options);
    require(raw.rows() >= 1 && labels.size() == static_cast<std::size_t>(raw.rows()),
            ErrorCode::bad_input, "{} rows of features with {} labels; give one label a row",
            raw.rows(), labels.size());
    one_hot(labels, classes);  // refuses labels out of range before any work is done
    const std::vector<Recipe> grid = make_grid(options);
    std::vector<RehearsalProblem> problems =
        make_problems(raw, labels, classes, options.folds, options.seed, options.class_weights);

    Rehearsal rehearsal;
    rehearsal.lambda_max = largest_eigenvalue(problems.back().data.xs);
    parallel_for(0, problems.size(), [&](std::size_t i) { problems[i].compress(); });
    std::vector<Outcome> outcomes(grid.size() * problems.size());
    parallel_for(0, outcomes.size(), [&](std::size_t i) {
        outcomes[i] = run(problems[i % problems.size()], grid[i / problems.size()]);
    });
    for (std::size_t i = 0; i < grid.size(); ++i) {
        rehearsal.candidates.push_back(
            judge(grid[i], std::span(outcomes).subspan(i * problems.size(), problems.size()),
                  labels.size(), rehearsal.lambda_max));
    }
    const std::size_t chosen = choose_candidate(rehearsal.candidates, problems, options,
                                                labels.size(), rehearsal.lambda_max);
    rehearsal.chosen = rehearsal.candidates[chosen];
    rehearsal.recipe = grid[chosen];
    rehearsal.held_out = held_out_scores(problems, rehearsal.recipe);
    rehearsal.held_out.weights = row_weights(options.class_weights, rehearsal.held_out.labels);
    return rehearsal;
}

double largest_eigenvalue(const RowMatrix& xs) {
    require(xs.size() > 0 && xs.allFinite(), ErrorCode::bad_input,
            "scaled features of {} x {}; they must be finite and not empty", xs.rows(), xs.cols());
    // Any start does that is not orthogonal to the leading eigenvector: the row of largest norm
    // makes the first Rayleigh quotient at least a share 1/n of the eigenvalue.
    Eigen::Index heaviest = 0;
    xs.rowwise().squaredNorm().maxCoeff(&heaviest);
    Eigen::VectorXd v = xs.row(heaviest).transpose();
    double eigenvalue = 0.0;
    for (int i = 0; i < 10'000; ++i) {
        const double norm = v.norm();
        if (norm == 0.0) {
            return 0.0;
        }
        v /= norm;
        const Eigen::VectorXd image = xs * v;
        const double next = image.squaredNorm();
        v.noalias() = xs.transpose() * image;
        if (next - eigenvalue <= 1e-9 * next) {
            return next;
        }
        eigenvalue = next;
    }
    return eigenvalue;
}

namespace {

// The step, rounded down to three significant bits (4, 5, 6 or 7 times a power of two): what comes
// from norms of private rows goes into plans as such, and then identifies no data set.
double quantised_step(double step) {
    int exponent = 0;
    const double fraction = std::frexp(step, &exponent);  // [1/2, 1)
    return std::ldexp(std::floor(8 * fraction) / 8, exponent);
}

}  // namespace

Recipe recipe_from_norms(const RowMatrix& xs, int iterations, int degree, double range,
                         Momentum momentum) {
    const SigmoidPolynomial sigmoid = fit_sigmoid(degree, range);
    const double lambda = largest_eigenvalue(xs);
    require(lambda > 0.0, ErrorCode::bad_input,
            "the scaled features are all zero; there is nothing to train on");
    const double step = quantised_step(1.3 / (sigmoid.derivative(0.0) * lambda));
    require(step <= 1e6, ErrorCode::bad_input,
            "scaled features whose largest eigenvalue is {} are too small to train on", lambda);
    return standard_recipe(iterations, step, sigmoid, momentum);
}

}  // namespace cipherfit
