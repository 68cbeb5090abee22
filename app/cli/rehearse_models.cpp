#include "cli/rehearse_models.h"

#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

bool same(const ModelCandidate& a, const ModelCandidate& b) {
    return std::tie(a.source, a.components, a.ridge, a.iterations, a.range, a.decay, a.step) ==
           std::tie(b.source, b.components, b.ridge, b.iterations, b.range, b.decay, b.step);
}

nlohmann::json to_json(const ModelCandidate& candidate, const ModelChoice& choice) {
    return {{"features", choice.sources[candidate.source]},
            {"pca", candidate.components},
            {"ridge", candidate.ridge},
            {"iterations", candidate.iterations},
            {"sigmoid_degree", choice.search.recipe.sigmoid.degree()},
            {"sigmoid_range", candidate.range},
            {"decay", candidate.decay},
            {"accuracy", candidate.accuracy},
            {"loss", candidate.loss},
            {"loss_above_least", candidate.difference},
            {"standard_error", candidate.standard_error},
            {"max_abs_z", candidate.max_abs_z}};
}

}  // namespace

std::string describe(const ModelChoice& choice) {
    std::string text = fmt::format(
        "\n    {:<26} {:>10} {:>6} {:>10} {:>6} {:>6} {:>6} {:>9} {:>6}\n", "features",
        "components", "ridge", "iterations", "range", "decay", "|z|", "held out", "loss");
    std::set<std::pair<std::size_t, int>> shown;
    for (const ModelCandidate& run : choice.search.candidates) {
        const bool is_chosen = same(run, choice.search.chosen);
        if (!shown.emplace(run.source, run.iterations).second && !is_chosen) {
            continue;
        }
        text += fmt::format(
            "{}{:<26} {:>10} {:>6.0e} {:>10} {:>6.3g} {:>6.3g} {:>6.3g} {:>7.1f} % "
            "{:>6.3f}\n",
            is_chosen ? "  > " : "    ", choice.sources[run.source], run.components, run.ridge,
            run.iterations, run.range, run.decay, run.max_abs_z, 100 * run.accuracy, run.loss);
    }
    return text;
}

nlohmann::json figures_of(const ModelChoice& choice) {
    nlohmann::json runs = nlohmann::json::array();
    for (const ModelCandidate& run : choice.search.candidates) {
        runs.push_back(to_json(run, choice));
    }
    nlohmann::json chosen = to_json(choice.search.chosen, choice);
    chosen["step"] = choice.recipe.step;
    chosen["features"] = choice.features.kind;
    if (choice.features.width) {
        chosen["rbf_width"] = *choice.features.width;
    }
    return {{"rows", choice.rows}, {"runs", runs}, {"chosen", chosen}};
}

}  // namespace cipherfit
