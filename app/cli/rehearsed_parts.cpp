#include "cli/rehearsed_parts.h"

#include "common/progress_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Heights of the curve's accuracies between the two bounds, as block characters.
std::string sparkline(const std::vector<HeldOutPoint>& curve, double low, double high) {
    constexpr std::array blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::string text;
    for (const HeldOutPoint& point : curve) {
        const double share = high > low ? (point.accuracy - low) / (high - low) : 1.0;
        text += blocks.at(static_cast<std::size_t>(std::clamp(share * 7.999, 0.0, 7.0)));
    }
    return text;
}

}  // namespace

std::string describe(const std::vector<RehearsedPart>& parts, std::size_t chosen) {
    double low = 1;
    double high = 0;
    for (const RehearsedPart& part : parts) {
        for (const RehearsedRun& run : part.grid.runs) {
            for (const HeldOutPoint& point : run.curve) {
                low = std::min(low, point.accuracy);
                high = std::max(high, point.accuracy);
            }
        }
    }
    std::string text = fmt::format(
        "\n    {:>10} {:>6} {:>6} {:>5} {:>5} {:>6} {:>6} {:>9} {:>6} {:>5} {:>6} {:>9}  {}\n",
        "iterations", "degree", "decay", "pca", "step", "range", "|z|", "held out", "loss", "ring",
        "levels", "keys", "after each iteration");
    for (std::size_t p = 0; p < parts.size(); ++p) {
        const RehearsedPart& part = parts[p];
        const std::string pca = part.components > 0 ? std::to_string(part.components) : "-";
        for (const RehearsedRun& run : part.grid.runs) {
            const char* mark = p == chosen && &run == &part.grid.best() ? "  > " : "    ";
            text += fmt::format("{}{:>10} {:>6} {:>6.3g} {:>5} ", mark, run.iterations, run.degree,
                                run.decay, pca);
            if (run.usable()) {
                text += fmt::format(
                    "{:>5.3g} {:>6.3g} {:>6.3g} {:>7.1f} % {:>6.3f} {:>5} {:>6} {:>9}  {}\n",
                    run.chosen.step, run.chosen.range,
                    std::max(run.chosen.max_abs_z, run.chosen.max_abs_z_held_out),
                    100 * run.chosen.accuracy, run.chosen.loss, fmt::format("2^{}", run.cost.log_n),
                    run.cost.levels, format_bytes(run.cost.key_bytes),
                    sparkline(run.curve, low, high));
            } else {
                text += fmt::format("refused: {}\n", run.refusal);
            }
        }
    }
    return text;
}

std::size_t choose_part(const std::vector<RehearsedPart>& parts, std::size_t rows,
                        bool prefer_accuracy) {
    double best = 0;
    for (const RehearsedPart& part : parts) {
        best = std::max(best, part.grid.best().chosen.accuracy);
    }
    const double slack =
        prefer_accuracy ? 0 : std::sqrt(best * (1 - best) / static_cast<double>(rows));
    std::size_t chosen = parts.size();
    const auto key = [&](const RehearsedPart& part) {
        const RehearsedRun& run = part.grid.best();
        return std::pair(prefer_accuracy ? 0.0 : run.cost.limb_transforms, run.chosen.loss);
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].grid.best().chosen.accuracy >= best - slack - 1e-9 &&
            (chosen == parts.size() || key(parts[i]) < key(parts[chosen]))) {
            chosen = i;
        }
    }
    return chosen;
}

nlohmann::json figures_of(const std::vector<RehearsedPart>& parts, std::size_t chosen,
                          std::size_t rows) {
    nlohmann::json runs = nlohmann::json::array();
    for (const RehearsedPart& part : parts) {
        for (const RehearsedRun& run : part.grid.runs) {
            runs.push_back(to_json(run));
            runs.back()["pca"] = part.components;
        }
    }
    nlohmann::json best = to_json(parts[chosen].grid.best());
    best["pca"] = parts[chosen].components;
    return {{"rows", rows}, {"runs", runs}, {"chosen", best}};
}

}  // namespace cipherfit
