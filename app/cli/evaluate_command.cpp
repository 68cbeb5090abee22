// cipherfit evaluate: a decrypted model on test rows.
#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/importance.h"
#include "cli/commands.h"
#include "cli/metrics_text.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "cli/table_options.h"
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct EvaluateOptions {
    std::filesystem::path model, json;
    SampleOptions test;
    RunOptions run;
    int importance = 0;  // shuffles of each column; 0: not asked for
};

// More columns than this are pixels or features, of which none says much by itself.
constexpr std::size_t most_columns = 2000;
constexpr std::size_t most_lines = 20;
constexpr std::uint64_t shuffle_seed = 1;

// The columns of the table, text columns whole, by name or by number from 1.
std::vector<ColumnGroup> column_groups(const TableEncoding& table, Eigen::Index columns) {
    std::vector<ColumnGroup> groups;
    if (table.feature_count() != static_cast<std::size_t>(columns)) {
        for (Eigen::Index j = 0; j < columns; ++j) {
            groups.push_back({std::to_string(j + 1), j, 1});
        }
        return groups;
    }
    Eigen::Index next = 0;
    for (const TableColumn& column : table.columns) {
        const auto count =
            column.is_text() ? static_cast<Eigen::Index>(column.categories.size()) : 1;
        groups.push_back(
            {column.name.empty() ? std::to_string(groups.size() + 1) : column.name, next, count});
        next += count;
    }
    return groups;
}

// The lines for a person; the figures go into `json`.
std::string importance_of(const EvaluateOptions& options, const SavedModel& model,
                          const TestRows& rows, nlohmann::json& json) {
    const std::vector<ColumnGroup> groups = column_groups(model.table, rows.columns.cols());
    require(groups.size() <= most_columns && model.backbone.empty(), ErrorCode::bad_input,
            "--importance is of a table's columns, at most {}: these rows have {}{}", most_columns,
            groups.size(), model.backbone.empty() ? "" : " features of a network");
    const auto features = [&](const RowMatrix& columns) {
        return model.extractor ? model.extractor->transform(columns) : columns;
    };
    const ModelFunction function{
        [&](const RowMatrix& columns) {
            return model.calibration.value_or(Calibration{})
                .probabilities(model.head.scores(features(columns)));
        },
        [&](const RowMatrix& columns) { return model.head.predict(features(columns)); }};
    const std::vector<GroupImportance> importance = permutation_importance(
        function, rows.columns, rows.labels, groups, options.importance, shuffle_seed);
    std::vector<std::size_t> order(groups.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{},
                             [&](std::size_t i) { return importance[i].loss_gained; });
    std::string text = fmt::format(
        "\n  columns by what shuffling them among the rows costs ({} shuffles)\n"
        "  {:>18} {:>18}   column\n",
        options.importance, "log loss", "accuracy, points");
    json = nlohmann::json::array();
    for (const std::size_t i : order) {
        const GroupImportance& of = importance[i];
        if (json.size() < most_lines) {
            text += fmt::format("  {:>+9.4f} ± {:.4f} {:>+9.2f} ± {:>6.2f}   {}\n", of.loss_gained,
                                of.loss_error, 100 * of.accuracy_lost, 100 * of.accuracy_error,
                                groups[i].name);
        }
        json.push_back({{"column", groups[i].name},
                        {"log_loss_gained", of.loss_gained},
                        {"log_loss_error", of.loss_error},
                        {"accuracy_lost", of.accuracy_lost},
                        {"accuracy_error", of.accuracy_error}});
    }
    if (order.size() > most_lines) {
        text += fmt::format("  and {} more, which cost less: --json has them all\n",
                            order.size() - most_lines);
    }
    return text;
}

void evaluate(const EvaluateOptions& options) {
    set_thread_count(options.run.threads);
    OutputCheck check;
    check.reads("--test", options.test);
    check.keeps("--model", options.model);
    check.writes("--json", options.json);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    const SavedModel model = read_model_directory(options.model);
    Samples samples = read_samples(options.test, &model.table);
    const std::string notes = describe_unknown_text(samples);
    require_backbone(samples, model.backbone, options.test.file.string());
    const TestRows rows =
        test_rows(std::move(samples), model.extractor.get(), model.head, options.test.file.string(),
                  unknown_classes(options.test), options.importance > 0);
    const std::vector<int> predictions = model.head.predict(rows.features);
    reading.reset();
    const RowMatrix probabilities =
        model.calibration.value_or(Calibration{}).probabilities(model.head.scores(rows.features));
    const Metrics metrics = measure(predictions, probabilities, rows.labels);
    const auto& names = model.head.class_names;
    nlohmann::json json = to_json(metrics, names);
    nlohmann::json importance;
    std::string columns;
    if (options.importance > 0) {
        columns = importance_of(options, model, rows, importance);
    }
    if (!options.json.empty()) {
        json["test_samples"] = metrics.rows;
        json["class_names"] = names;
        json["calibrated"] = model.calibration.has_value();
        json["unknown_class_rows"] = rows.unknown_rows;
        if (!importance.is_null()) {
            json["importance"] = importance;
        }
        write_named_json(options.json, json);
    }
    std::string text = fmt::format("  {:<22}{:.2f} %  ({} of {} rows)\n{}", "accuracy",
                                   100 * metrics.accuracy, format_count(metrics.correct),
                                   format_count(metrics.rows), describe_metrics(json));
    if (rows.unknown_rows > 0) {
        text += fmt::format("  {:<22}{} rows, left out of all figures\n", "of unknown classes",
                            format_count(rows.unknown_rows));
    }
    write_output(
        text + notes + class_table(metrics, names) + confusion_table(metrics, names) + columns,
        options.json.empty());
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("evaluate",
                           "Test a decrypted model: accuracy beside the majority's, recall, AUC, "
                           "calibration, confusion matrix");
    command->footer(
        "Example:\n"
        "  cipherfit evaluate --model run/model --test test.csv");
    auto options = std::make_shared<EvaluateOptions>();
    command->add_option("--model", options->model, "The directory that fit or decrypt wrote")
        ->required()
        ->type_name("DIR");
    add_test_options(*command, options->test);
    add_table_options(*command, options->test.table);
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    command
        ->add_option("--importance", options->importance,
                     "What each column is worth: the loss where its values are shuffled among the "
                     "rows, over N shuffles, 5 unless given")
        ->expected(0, 1)
        ->default_str("5")
        ->transform(whole_number(1, 1000))
        ->type_name("N");
    command->callback([options] { evaluate(*options); });
}

}  // namespace cipherfit
