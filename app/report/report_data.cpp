#include "report/report_data.h"

#include <cmath>

namespace cipherfit {

nlohmann::json report_chain(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    nlohmann::json q = nlohmann::json::array();
    nlohmann::json p = nlohmann::json::array();
    for (std::size_t level = 0; level <= parameters.max_level(); ++level) {
        q.push_back(std::log2(static_cast<double>(parameters.q(level))));
    }
    for (std::size_t i = 0; i < parameters.special_primes(); ++i) {
        p.push_back(std::log2(static_cast<double>(parameters.p(i))));
    }
    nlohmann::json iterations = nlohmann::json::array();
    for (const IterationLevels& at : plan.levels()) {
        nlohmann::json spent = nlohmann::json::array();
        const auto spend = [&](const char* what, int from, int to) {
            if (from > to) {
                spent.push_back({{"what", what}, {"from", from}, {"to", to}});
            }
        };
        int level = at.start;
        if (at.forward >= 0) {
            spend("forward", at.forward, at.forward - 1);
            level = at.forward - 1;
        }
        if (at.sigmoid >= 0) {
            spend("sigmoid", at.sigmoid, at.backward);
            level = at.backward;
        }
        spend("backward", level, at.end);
        iterations.push_back({{"start", at.start}, {"end", at.end}, {"spent", spent}});
    }
    return {{"q_bits", q}, {"p_bits", p}, {"iterations", iterations}};
}

nlohmann::json report_confusion(const Head& head, const ReportRows& rows) {
    const auto classes = static_cast<std::size_t>(head.classes());
    std::vector<std::vector<std::size_t>> counts(classes, std::vector<std::size_t>(classes));
    const std::vector<int> predictions = head.predict(rows.features);
    for (std::size_t i = 0; i < predictions.size(); ++i) {
        ++counts[static_cast<std::size_t>(rows.labels[i])]
                [static_cast<std::size_t>(predictions[i])];
    }
    return counts;
}

nlohmann::json report_data(const ReportInput& input) {
    nlohmann::json figures = input.figures;
    figures["checkpoint_bytes"] = input.checkpoint_bytes;
    figures["training_samples"] = input.training.labels.size();
    return {{"format", 1},
            {"figures", figures},
            {"classes", input.head.class_names},
            {"curves", report_curves(input)},
            {"quality", report_quality(input)},
            {"confusion", report_confusion(input.head, input.test)},
            {"mistakes", report_mistakes(input)},
            {"chain", report_chain(input.setup.plan)}};
}

}  // namespace cipherfit
