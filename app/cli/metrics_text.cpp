#include "cli/metrics_text.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t most_columns = 40;

std::string or_dash(const std::optional<double>& value, const char* format) {
    return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

// Characters of UTF-8 that a terminal gives a place of their own, as far as one can tell cheaply.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string right_aligned(const std::string& text, std::size_t width) {
    const std::size_t own = width_of(text);
    return fmt::format("{:{}}{}", "", own < width ? width - own : 0, text);
}

std::size_t widest(std::span<const std::string> names, std::size_t least) {
    for (const std::string& name : names) {
        least = std::max(least, width_of(name));
    }
    return least;
}

}  // namespace

std::string describe_metrics(const nlohmann::json& metrics) {
    std::string text;
    const auto line = [&](const char* head, const char* member, double factor, const char* format) {
        if (metrics.at(member).is_number()) {
            text += fmt::format(
                "  {:<22}{}\n", head,
                fmt::format(fmt::runtime(format), factor * metrics.at(member).get<double>()));
        }
    };
    line("majority class alone", "majority_baseline", 100,
         "{:>6.2f} %  (what always naming it would reach)");
    line("balanced accuracy", "balanced_accuracy", 100, "{:>6.2f} %  (mean recall of the classes)");
    line("AUC", "auc", 1, "{:>6.4f}    (one class against the rest, mean)");
    line("log loss", "log_loss", 1, "{:>6.4f}");
    line("calibration error", "expected_calibration_error", 1, "{:>6.4f}    (expected, 15 bins)");
    return text;
}

std::string class_table(const Metrics& metrics, std::span<const std::string> names) {
    const std::size_t width = widest(names, 5);
    std::string text =
        fmt::format("\n  {} | {:>8} {:>10} {:>8} {:>7}\n", right_aligned("class", width), "rows",
                    "precision", "recall", "AUC");
    for (std::size_t k = 0; k < names.size(); ++k) {
        const ClassMetrics& of_class = metrics.classes[k];
        text += fmt::format("  {} | {:>8} {:>10} {:>8} {:>7}\n", right_aligned(names[k], width),
                            of_class.rows, or_dash(of_class.precision, "{:.3f}"),
                            or_dash(of_class.recall, "{:.3f}"), or_dash(of_class.auc, "{:.4f}"));
    }
    return text;
}

std::string confusion_table(const Metrics& metrics, std::span<const std::string> names) {
    if (names.size() > most_columns) {
        return fmt::format("\n  The confusion matrix of {} classes is in the file of --json.\n",
                           names.size());
    }
    std::size_t width = widest(names, 5);
    for (const auto& row : metrics.confusion) {
        for (const std::size_t count : row) {
            width = std::max(width, std::to_string(count).size());
        }
    }
    std::string text = fmt::format("\n  {} | predicted as\n  {} |", right_aligned("", width),
                                   right_aligned("class", width));
    for (const std::string& name : names) {
        text += fmt::format(" {}", right_aligned(name, width));
    }
    text += '\n';
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += fmt::format("  {} |", right_aligned(names[i], width));
        for (const std::size_t count : metrics.confusion[i]) {
            text +=
                fmt::format(" {}", right_aligned(count == 0 ? "." : std::to_string(count), width));
        }
        text += '\n';
    }
    return text;
}

}  // namespace cipherfit
