#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/train/owner/twin.h"
#include "report/report_data.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

// The mean over the rows of -log p of the true class.
double log_loss(const RowMatrix& probabilities, std::span<const int> labels) {
    constexpr double least = 1e-15;
    double sum = 0;
    for (Eigen::Index i = 0; i < probabilities.rows(); ++i) {
        sum -= std::log(std::max(least, probabilities(i, labels[static_cast<std::size_t>(i)])));
    }
    return sum / static_cast<double>(probabilities.rows());
}

double accuracy(const RowMatrix& scores, std::span<const int> labels) {
    std::size_t right = 0;
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        Eigen::Index best = 0;
        scores.row(i).maxCoeff(&best);
        right += best == labels[static_cast<std::size_t>(i)] ? 1U : 0U;
    }
    return static_cast<double>(right) / static_cast<double>(labels.size());
}

nlohmann::json point(const Head& head, int iteration, const ReportInput& input) {
    const RowMatrix training = head.scores(input.training.features);
    const RowMatrix test = head.scores(input.test.features);
    return {
        {"iteration", iteration},
        {"train_accuracy", accuracy(training, input.training.labels)},
        {"test_accuracy", accuracy(test, input.test.labels)},
        {"train_loss", log_loss(input.calibration.probabilities(training), input.training.labels)},
        {"test_loss", log_loss(input.calibration.probabilities(test), input.test.labels)}};
}

}  // namespace

nlohmann::json report_curves(const ReportInput& input) {
    const OwnerSetup& setup = input.setup;
    const Recipe& recipe = setup.plan.recipe();
    const auto head_of = [&](const RowMatrix& state) {
        return finish_model(state, setup.preprocessing, recipe, setup.class_names);
    };
    nlohmann::json of_twin = nlohmann::json::array();
    nlohmann::json decrypted = nlohmann::json::array();
    auto next = input.models.begin();  // ascending, as the twin's iterations are
    const TwinResult twin = run_twin(
        prepare_rows(setup, input.training.features, input.training.labels), recipe, nullptr,
        [&](const TwinIteration& after) {
            const Head head = head_of(after.model);
            of_twin.push_back(point(head, after.iteration + 1, input));
            for (; next != input.models.end() && next->iteration == after.iteration + 1; ++next) {
                nlohmann::json entry = point(next->head, next->iteration, input);
                entry["weight_error"] = largest_weight_error(next->head, head);
                decrypted.push_back(std::move(entry));
            }
        });
    return {{"twin", of_twin}, {"decrypted", decrypted}, {"max_abs_z", twin.max_abs_z}};
}

}  // namespace cipherfit
