// cipherfit evaluate: a decrypted model on test rows.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/metrics_text.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "cli/table_options.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct EvaluateOptions {
    std::filesystem::path model, json;
    SampleOptions test;
    RunOptions run;
};

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
    const TestRows rows = test_rows(std::move(samples), model.extractor.get(), model.head,
                                    options.test.file.string(), unknown_classes(options.test));
    const std::vector<int> predictions = model.head.predict(rows.features);
    reading.reset();
    const RowMatrix probabilities =
        model.calibration.value_or(Calibration{}).probabilities(model.head.scores(rows.features));
    const Metrics metrics = measure(predictions, probabilities, rows.labels);
    const auto& names = model.head.class_names;
    nlohmann::json json = to_json(metrics, names);
    if (!options.json.empty()) {
        json["test_samples"] = metrics.rows;
        json["class_names"] = names;
        json["calibrated"] = model.calibration.has_value();
        json["unknown_class_rows"] = rows.unknown_rows;
        write_named_json(options.json, json);
    }
    std::string text = fmt::format("  {:<22}{:.2f} %  ({} of {} rows)\n{}", "accuracy",
                                   100 * metrics.accuracy, format_count(metrics.correct),
                                   format_count(metrics.rows), describe_metrics(json));
    if (rows.unknown_rows > 0) {
        text += fmt::format("  {:<22}{} rows, left out of all figures\n", "of unknown classes",
                            format_count(rows.unknown_rows));
    }
    write_output(text + notes + class_table(metrics, names) + confusion_table(metrics, names),
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
    command->callback([options] { evaluate(*options); });
}

}  // namespace cipherfit
