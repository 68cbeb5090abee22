#include "cipherfit/fitting/owner/plan_figures.h"

#include "cipherfit/train/cost.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;

// What the preparation (iteration 0) and every iteration spend.
json spending(const TrainingPlan& plan) {
    json rows = json::array();
    const TrainingCounts all = count_operations(plan);
    for (int t = -1; t < plan.recipe().iterations; ++t) {
        const OperationCounts& counts =
            t < 0 ? all.preparation : all.iterations[static_cast<std::size_t>(t)];
        json row{{"iteration", t + 1},
                 {"products", counts.products},
                 {"decompositions", counts.decompositions},
                 {"key_switches", counts.switches},
                 {"limb_transforms", std::round(counts.limb_transforms)}};
        if (t >= 0) {
            const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
            row["from_level"] = at.start;
            row["to_level"] = at.end;
            row["bootstraps"] = at.refresh ? plan.bootstraps_per_refresh() : 0;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

json plan_figures(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    const PlanCost cost = plan_cost(plan);
    const Recipe& recipe = plan.recipe();
    return {{"preset", name(recipe.preset)},
            {"solver", plan.solver().name()},
            {"samples", plan.shape().samples},
            {"features", plan.shape().features - 1},
            {"classes", plan.shape().classes},
            {"iterations", recipe.iterations},
            {"batches", batch_count(recipe, plan.shape().samples)},
            {"batch", rows_per_batch(recipe, plan.shape().samples)},
            {"parts", recipe.batch == 0 ? plan.row_files() : 1},
            {"decay", recipe.decay},
            {"momentum", name(has_momentum(recipe) ? Momentum::nesterov : Momentum::none)},
            {"models_every", plan.models_every()},
            {"bootstraps", plan.refresh_count() * plan.bootstraps_per_refresh()},
            {"step", recipe.steps.front()},
            {"sigmoid", to_json(recipe.sigmoid)},
            {"sigmoid_degree", recipe.sigmoid.degree()},
            {"security", name(plan.security())},
            {"security_bits", parameters.insecure_for_tests_only() ? 0U : bits(plan.security())},
            {"log_n", parameters.log_n()},
            {"slots", parameters.slots()},
            {"log_qp", parameters.log_qp()},
            {"largest_secure_log_qp", largest_secure_log_qp(parameters.log_n(), plan.security())},
            {"scale_bits", plan.scale_bits()},
            {"levels", parameters.max_level()},
            {"levels_per_iteration", plan.levels_per_iteration()},
            {"first_iteration_levels", plan.first_iteration_levels()},
            {"digits", parameters.digits()},
            {"special_primes", parameters.special_primes()},
            {"key_switches", cost.preparation.switches + cost.iterations.switches},
            {"spending", spending(plan)},
            {"evaluation_keys", cost.evaluation_keys},
            {"upload_ciphertexts", plan.upload_ciphertexts()},
            {"download_ciphertexts", plan.download_ciphertexts()},
            {"predicted_evaluation_key_bytes", cost.evaluation_key_bytes},
            {"predicted_upload_bytes", cost.upload_bytes},
            {"predicted_download_bytes", cost.download_bytes},
            {"predicted_server_peak_bytes", cost.peak_memory_bytes},
            {"predicted_server_threads", predicted_threads}};
}

}  // namespace cipherfit
