// cipherfit evaluate: a decrypted model on test rows.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
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

// counts[truth][prediction].
using Confusion = std::vector<std::vector<std::size_t>>;

std::string table(const Confusion& counts, const std::vector<std::string>& names) {
    std::size_t width = 5;
    for (std::size_t i = 0; i < names.size(); ++i) {
        width = std::max(width, names[i].size());
        for (const std::size_t count : counts[i]) {
            width = std::max(width, std::to_string(count).size());
        }
    }
    std::string text =
        fmt::format("\n  {:>{}} | predicted as\n  {:>{}} |", "", width, "class", width);
    for (const std::string& name : names) {
        text += fmt::format(" {:>{}}", name, width);
    }
    text += '\n';
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += fmt::format("  {:>{}} |", names[i], width);
        for (const std::size_t count : counts[i]) {
            text += count == 0 ? fmt::format(" {:>{}}", ".", width)
                               : fmt::format(" {:>{}}", count, width);
        }
        text += '\n';
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
    Samples samples = read_samples(options.test);
    require_backbone(samples, model.backbone, options.test.file.string());
    const TestRows rows = test_rows(std::move(samples), model.extractor.get(), model.head,
                                    options.test.file.string());
    const std::vector<int> predictions = model.head.predict(rows.features);
    const std::size_t classes = model.head.class_names.size();
    Confusion counts(classes, std::vector<std::size_t>(classes));
    std::size_t right = 0;
    for (std::size_t i = 0; i < predictions.size(); ++i) {
        const auto truth = static_cast<std::size_t>(rows.labels[i]);
        const auto predicted = static_cast<std::size_t>(predictions[i]);
        ++counts[truth][predicted];
        right += truth == predicted ? 1 : 0;
    }
    reading.reset();
    const double accuracy = static_cast<double>(right) / static_cast<double>(predictions.size());
    if (!options.json.empty()) {
        write_named_json(options.json, nlohmann::json{{"accuracy", accuracy},
                                                      {"correct", right},
                                                      {"test_samples", predictions.size()},
                                                      {"class_names", model.head.class_names},
                                                      {"confusion", counts}});
    }
    write_output(fmt::format("  {:<22}{:.2f} %  ({} of {} rows)\n{}", "accuracy", 100 * accuracy,
                             format_count(right), format_count(predictions.size()),
                             table(counts, model.head.class_names)),
                 options.json.empty());
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("evaluate", "Test a decrypted model: accuracy and confusion matrix");
    command->footer(
        "Example:\n"
        "  cipherfit evaluate --model run/model --test test.csv");
    auto options = std::make_shared<EvaluateOptions>();
    command->add_option("--model", options->model, "The directory that fit or decrypt wrote")
        ->required()
        ->type_name("DIR");
    add_test_options(*command, options->test);
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    command->callback([options] { evaluate(*options); });
}

}  // namespace cipherfit
