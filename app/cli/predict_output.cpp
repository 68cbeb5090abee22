// From decrypted scores to classes and probabilities.
#include "cli/named_output.h"
#include "cli/predict_steps.h"
#include "common/number_option.h"
#include "common/streams.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr int most_listed = 128;

// As RFC 4180 writes a field that may hold anything.
std::string csv_field(const std::string& text) {
    if (text.find_first_of("\",\r\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c;
        if (c == '"') {
            quoted += c;
        }
    }
    return quoted + '"';
}

// The classes of a row from the largest score down; of equals the lower class first.
std::vector<Eigen::Index> ranking(const Eigen::RowVectorXd& scores) {
    std::vector<Eigen::Index> order(static_cast<std::size_t>(scores.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::sort(order.begin(), order.end(), [&](Eigen::Index a, Eigen::Index b) {
        return std::pair(-scores(a), a) < std::pair(-scores(b), b);
    });
    return order;
}

std::string predictions(const RowMatrix& scores, const RowMatrix& probabilities,
                        const std::vector<std::string>& names, std::size_t top) {
    std::string text = "row";
    for (std::size_t rank = 1; rank <= top; ++rank) {
        text += fmt::format(",class_{},probability_{}", rank, rank);
    }
    text += '\n';
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        const Eigen::RowVectorXd row = scores.row(i);
        const auto order = ranking(row);
        text += std::to_string(i);
        for (std::size_t rank = 0; rank < top; ++rank) {
            text +=
                fmt::format(",{},{:.6f}", csv_field(names[static_cast<std::size_t>(order[rank])]),
                            probabilities(i, order[rank]));
        }
        text += '\n';
    }
    return text;
}

std::size_t count_right(const RowMatrix& scores, const std::vector<int>& labels) {
    std::size_t right = 0;
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        Eigen::Index best = 0;
        scores.row(i).maxCoeff(&best);
        right += best == labels[static_cast<std::size_t>(i)] ? 1U : 0U;
    }
    return right;
}

}  // namespace

void add_predict_output_options(CLI::App& app, PredictOutput& output) {
    app.add_option("--out", output.out, "The CSV file to write: classes and their probabilities")
        ->required()
        ->type_name("FILE");
    app.add_option("--top", output.top, "How many classes of each row, the likeliest first")
        ->capture_default_str()
        ->transform(whole_number(1, most_listed));
    app.add_option("--scores", output.scores, "Also write the scores, rows x classes, as .npy")
        ->type_name("FILE");
}

void finish_prediction(const PredictionFiles& files, const PredictionRecord& record,
                       const SecretKey& key, DecryptionRecord decryptions,
                       const PredictOutput& output) {
    const EncryptedScores encrypted = value_or_throw(read_scores(files.scores(), record.job));
    const RowMatrix scores = release_scores(decryptions, record.job, key, encrypted, record.factor,
                                            record.expected ? &*record.expected : nullptr);
    std::string text;
    if (record.expected) {
        const double bound = score_error_bound(record.job.plan, record.factor);
        const double error = (scores - *record.expected).cwiseAbs().maxCoeff();
        text = fmt::format(
            "  {:<22}differ by at most {:.1e} from those in the clear (bound "
            "{:.1e})\n",
            "scores", error, bound);
    }
    const std::size_t top =
        std::min(static_cast<std::size_t>(output.top), record.class_names.size());
    const std::string table =
        predictions(scores, record.calibration.value_or(Calibration{}).probabilities(scores),
                    record.class_names, top);
    write_named_text(output.out, table);
    if (!output.scores.empty()) {
        write_named_npy(output.scores, scores);
    }
    if (!record.labels.empty()) {
        const std::size_t right = count_right(scores, record.labels);
        const auto known =
            record.labels.size() - static_cast<std::size_t>(std::ranges::count(record.labels, -1));
        text += fmt::format("  {:<22}{:.2f} %  ({} of {} rows)\n", "accuracy",
                            100.0 * static_cast<double>(right) /
                                static_cast<double>(std::max<std::size_t>(1, known)),
                            format_count(right), format_count(known));
        if (known < record.labels.size()) {
            text += fmt::format("  {:<22}{} rows, left out of the accuracy\n", "of unknown classes",
                                format_count(record.labels.size() - known));
        }
    }
    print_summary("{}  {:<22}{}, {} rows\n", text, "predictions", output.out.string(),
                  format_count(static_cast<std::uint64_t>(scores.rows())));
}

}  // namespace cipherfit
