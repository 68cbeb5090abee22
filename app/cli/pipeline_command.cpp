// cipherfit export-pipeline: all that scores new rows, as one JSON file.
#include "cli/commands.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "common/streams.h"

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct PipelineOptions {
    std::filesystem::path model, out;
};

nlohmann::json rows_of(const RowMatrix& matrix) {
    nlohmann::json rows = nlohmann::json::array();
    for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
        rows.push_back(std::vector<double>(matrix.row(i).begin(), matrix.row(i).end()));
    }
    return rows;
}

void export_pipeline(const PipelineOptions& options) {
    OutputCheck check;
    check.keeps("--model", options.model);
    check.writes("--out", options.out);
    check.check();
    const SavedModel model = read_model_directory(options.model);
    require(model.backbone.empty(), ErrorCode::bad_input,
            "{}: was trained on a network's features, and the pipeline would begin with them: it "
            "cannot hold the network",
            options.model.string());
    const nlohmann::json pipeline{
        {"format", 1},
        {"kind", "cipherfit pipeline"},
        {"private", "computed from the training rows and decrypted weights: keep it private"},
        {"class_names", model.head.class_names},
        {"table", to_json(model.table)},
        {"steps", model.extractor ? model.extractor->steps() : nlohmann::json::array()},
        {"weights", rows_of(model.head.weights)},
        {"calibration", calibration_json(model.calibration)}};
    write_named_json(options.out, pipeline);
    print_summary("  {:<22}{}\n", "pipeline, private", options.out.string());
}

}  // namespace

void add_pipeline_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "export-pipeline", "Write all that scores new rows as one JSON file for NumPy; private");
    command->footer(
        "Example:\n"
        "  cipherfit export-pipeline --model run/model --out pipeline.json\n\n"
        "Holds the table's encoding, the features' constants, weights and calibration: as private\n"
        "as the model. docs/reference/pipeline.md describes it, with a program that scores rows.");
    auto options = std::make_shared<PipelineOptions>();
    command->add_option("--model", options->model, "The directory that fit or decrypt wrote")
        ->required()
        ->type_name("DIR");
    command->add_option("--out", options->out, "The JSON file to write")
        ->required()
        ->type_name("FILE");
    command->callback([options] { export_pipeline(*options); });
}

}  // namespace cipherfit
