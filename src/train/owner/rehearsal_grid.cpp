#include "cipherfit/train/owner/rehearsal_grid.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/cost.h"
#include "cipherfit/train/owner/head.h"
#include "cipherfit/train/owner/twin.h"
#include "train/owner/rehearsal_folds.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// The sums over one problem's held-out rows after each iteration.
std::vector<HeldOutPoint> curve_sums(const RehearsalProblem& problem, const Recipe& recipe) {
    std::vector<HeldOutPoint> sums;
    run_twin(problem.data, recipe, nullptr, [&](const TwinIteration& after) {
        const RowMatrix scores = problem.held_out * rows_of_classes(after.model).transpose();
        HeldOutPoint sum;
        for (Eigen::Index i = 0; i < scores.rows(); ++i) {
            const int label = problem.held_labels[static_cast<std::size_t>(i)];
            Eigen::Index best = 0;
            scores.row(i).maxCoeff(&best);
            sum.accuracy += best == label ? 1 : 0;
            sum.loss += softmax_loss(scores.row(i), label);
        }
        sums.push_back(sum);
    });
    return sums;
}

std::vector<HeldOutPoint> held_out_curve(const std::vector<RehearsalProblem>& problems,
                                         const Recipe& recipe) {
    std::vector<std::vector<HeldOutPoint>> parts(problems.size());
    parallel_for(0, problems.size(), [&](std::size_t i) {
        if (!problems[i].held_labels.empty()) {
            parts[i] = curve_sums(problems[i], recipe);
        }
    });
    std::vector<HeldOutPoint> curve(static_cast<std::size_t>(recipe.iterations));
    double rows = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
        rows += static_cast<double>(problems[i].held_labels.size());
        for (std::size_t t = 0; t < parts[i].size(); ++t) {
            curve[t].accuracy += parts[i][t].accuracy;
            curve[t].loss += parts[i][t].loss;
        }
    }
    for (HeldOutPoint& point : curve) {
        point.accuracy /= rows;
        point.loss /= rows;
    }
    return curve;
}

RehearsedCost cost_of(const TrainingShape& shape, const Recipe& recipe,
                      const PlanOptions& options) {
    const TrainingPlan plan = TrainingPlan::create(shape, recipe, options);
    const PlanCost cost = plan_cost(plan);
    return {.log_n = plan.parameters().log_n(),
            .levels = plan.parameters().max_level(),
            .limb_transforms = cost.preparation.limb_transforms + cost.iterations.limb_transforms,
            .key_bytes = cost.evaluation_key_bytes,
            .upload_bytes = cost.upload_bytes,
            .memory_bytes = cost.peak_memory_bytes};
}

std::size_t choose_run(const std::vector<RehearsedRun>& runs, std::size_t rows,
                       bool prefer_accuracy) {
    double best = -1;
    for (const RehearsedRun& run : runs) {
        best = run.usable() ? std::max(best, run.chosen.accuracy) : best;
    }
    require(best >= 0, ErrorCode::bad_input, "no run of the rehearsal can be used: {}",
            runs.front().refusal);
    const auto n = static_cast<double>(rows);
    // A share of a row absorbs the rounding.
    const double slack = prefer_accuracy ? 0.0 : std::sqrt(best * (1 - best) / n);
    const double least = best - slack - 1e-6 / n;
    std::size_t chosen = runs.size();
    const auto key = [&](const RehearsedRun& run) {
        return std::pair(prefer_accuracy ? 0.0 : run.cost.limb_transforms, run.chosen.loss);
    };
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (runs[i].usable() && runs[i].chosen.accuracy >= least &&
            (chosen == runs.size() || key(runs[i]) < key(runs[chosen]))) {
            chosen = i;
        }
    }
    return chosen;
}

}  // namespace

RehearsalGrid rehearse_grid(const RowMatrix& raw, std::span<const int> labels, int classes,
                            const RehearsalGridOptions& options) {
    require(!options.iterations.empty() && !options.degrees.empty() && !options.decays.empty(),
            ErrorCode::bad_input,
            "a rehearsal needs a number of iterations, a degree and a decay to try at least");
    require(options.folds >= 2, ErrorCode::bad_input,
            "{} folds of cross-validation; at least 2 are needed", options.folds);
    require(raw.rows() >= 1 && labels.size() == static_cast<std::size_t>(raw.rows()),
            ErrorCode::bad_input, "{} rows of features with {} labels; give one label a row",
            raw.rows(), labels.size());
    one_hot(labels, classes);  // refuses labels out of range
    std::vector<RehearsalProblem> problems =
        make_problems(raw, labels, classes, options.folds, options.seed);
    parallel_for(0, problems.size(), [&](std::size_t i) { problems[i].compress(); });
    const TrainingShape shape{static_cast<std::size_t>(raw.rows()),
                              static_cast<std::size_t>(raw.cols()) + 1,
                              static_cast<std::size_t>(classes)};
    RehearsalGrid grid;
    const auto run_of = [&](int degree, double decay, int iterations) {
        RehearsedRun run;
        run.iterations = iterations;
        run.degree = degree;
        run.decay = decay;
        try {
            Rehearsal rehearsal = rehearse(raw, labels, classes,
                                           {.iterations = iterations,
                                            .step = options.step,
                                            .degree = degree,
                                            .range = options.range,
                                            .decay = decay,
                                            .folds = options.folds,
                                            .seed = options.seed});
            run.recipe = std::move(rehearsal.recipe);
            run.chosen = rehearsal.chosen;
            run.cost = cost_of(shape, run.recipe, options.plan);
            run.curve = held_out_curve(problems, run.recipe);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::bad_input) {
                throw;
            }
            run.refusal = error.what();
        }
        return run;
    };
    for (const int degree : options.degrees) {
        for (const double decay : options.decays) {
            for (const int iterations : options.iterations) {
                grid.runs.push_back(run_of(degree, decay, iterations));
            }
        }
    }
    grid.chosen = choose_run(grid.runs, labels.size(), options.prefer_accuracy);
    return grid;
}

nlohmann::json to_json(const RehearsedRun& run) {
    nlohmann::json json{
        {"iterations", run.iterations}, {"sigmoid_degree", run.degree}, {"decay", run.decay}};
    if (!run.usable()) {
        json["refusal"] = run.refusal;
        return json;
    }
    json["step"] = run.chosen.step;
    json["sigmoid_range"] = run.chosen.range;
    json["accuracy"] = run.chosen.accuracy;
    json["loss"] = run.chosen.loss;
    json["max_abs_z"] = std::max(run.chosen.max_abs_z, run.chosen.max_abs_z_held_out);
    json["log_n"] = run.cost.log_n;
    json["levels"] = run.cost.levels;
    json["evaluation_key_bytes"] = run.cost.key_bytes;
    json["upload_bytes"] = run.cost.upload_bytes;
    json["server_memory_bytes"] = run.cost.memory_bytes;
    json["work"] = run.cost.limb_transforms;
    for (const HeldOutPoint& point : run.curve) {
        json["curve"].push_back({{"accuracy", point.accuracy}, {"loss", point.loss}});
    }
    return json;
}

}  // namespace cipherfit
