// cipherfit export: of a private model directory, what its owner may hand on.
#include "cipherfit/io/npy.h"
#include "cli/commands.h"
#include "cli/model_card.h"
#include "cli/output_check.h"
#include "cli/owner_files.h"
#include "cli/owner_steps.h"
#include "common/streams.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// Stands in the directory until the export is done, so that one that was killed is gone on with.
constexpr const char* unfinished = "unfinished.json";

struct ExportOptions {
    fs::path model, out;
    bool with_fitted_features = false;
    bool flooded = false;
};

// Nothing but what an earlier export may have left: a model directory must never become one.
void require_export_directory(const fs::path& out) {
    if (!fs::exists(out)) {
        return;
    }
    require(fs::is_directory(out), ErrorCode::bad_input,
            "{}: is not a directory: choose another --out", out.string());
    for (const auto& entry : fs::directory_iterator(out)) {
        const std::string name = entry.path().filename().string();
        const bool ours = name == "card.json" || name == "weights.npy" || name == "features.json" ||
                          name == unfinished;
        require((ours && (fs::exists(out / "card.json") || fs::exists(out / unfinished))) ||
                    is_stale_file(entry.path()),
                ErrorCode::bad_input, "{}: holds {}, which no export wrote: choose a new directory",
                out.string(), name);
    }
}

// Whether several owners' holders released the model, with noise sized by the worst case.
bool is_released(const fs::path& model) {
    const nlohmann::json json = read_json(model / "model.json");
    const auto released = json.find("released");
    return released != json.end() && released->is_boolean() && released->get<bool>();
}

RowMatrix read_twin_weights(const fs::path& directory, const Head& head) {
    const fs::path path = directory / "twin_weights.npy";
    require(fs::exists(path), ErrorCode::bad_input,
            "{}: is missing, and the decrypted weights must not be published: have the model "
            "written again, by 'cipherfit decrypt' or by 'cipherfit fit'",
            path.string());
    RowMatrix weights = value_or_throw(read_npy_matrix(path));
    require(weights.rows() == head.weights.rows() && weights.cols() == head.weights.cols(),
            ErrorCode::corrupt_data,
            "{}: {} x {} weights beside a model of {} x {}: have the model written again",
            path.string(), weights.rows(), weights.cols(), head.weights.rows(),
            head.weights.cols());
    return weights;
}

void export_model(const ExportOptions& options) {
    OutputCheck check;
    check.keeps("--model", options.model);
    check.makes("--out", options.out);
    check.check();
    require_export_directory(options.out);
    const SavedModel model = read_model_directory(options.model);
    require(fs::exists(options.model / "model.json"), ErrorCode::bad_input,
            "{}: is an export already", options.model.string());
    const bool released = is_released(options.model);
    require(!options.flooded || released, ErrorCode::bad_input,
            "{}: was decrypted without flooding, and no noise can be added that is known to be "
            "enough: how large encryption's error can be in the worst case is derived for the "
            "training of several owners alone. Export without --flooded writes the plaintext "
            "twin's weights, which have no such error",
            options.model.string());
    require(options.flooded || !released, ErrorCode::bad_input,
            "{}: is a released model, of which nobody has a plaintext twin: its weights carry "
            "noise that hides encryption's error; --flooded exports them",
            options.model.string());
    const PublicModel published =
        public_model(released ? model.head.weights : read_twin_weights(options.model, model.head),
                     model, options.with_fitted_features ? Fitted::publish : Fitted::keep);
    make_directory(options.out);
    remove_stale_files(options.out);
    write_json(options.out / unfinished, nlohmann::json::object());
    // The card goes first and comes last: with it, the others are there and fit.
    fs::remove(options.out / "card.json");
    fs::remove(options.out / "features.json");
    if (!published.extractor.is_null()) {
        write_json(options.out / "features.json", published.extractor);
    }
    value_or_throw(write_npy(options.out / "weights.npy", published.weights, 0600));
    write_json(options.out / "card.json", published.card);
    fs::remove(options.out / unfinished);
    print_summary(
        "  {:<22}{}: classes, features{}; nothing of the training rows\n"
        "  {:<22}{}: {}, {} x {}\n"
        "  {:<22}what the weights themselves say of the rows is yours to judge\n",
        "card", (options.out / "card.json").string(),
        published.extractor.is_null() ? "" : ", filters in features.json", "weights",
        (options.out / "weights.npy").string(),
        released ? "the released ones, whose noise hides encryption's error"
                 : "the plaintext twin's, without encryption's error",
        published.weights.rows(), published.weights.cols(), "to consider");
}

}  // namespace

void add_export_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("export", "Write what may be published of a model: card and weights");
    command->footer(
        "Example:\n"
        "  cipherfit export --model run/model --out published\n\n"
        "A model directory is private: its weights carry the error of encryption, from which keys\n"
        "can be recovered, and its model.json holds means and scales of the training rows. This\n"
        "writes card.json (class names, features, how to use it) and weights.npy: those of the\n"
        "plaintext twin, for the columns as they are in the file. Principal components are\n"
        "multiplied into the weights; random-conv's public filters are in features.json.\n"
        "card.json alone is all that others need to encrypt rows for a server with the model.");
    auto options = std::make_shared<ExportOptions>();
    command
        ->add_option("--model", options->model,
                     "The private directory that fit, decrypt or review wrote")
        ->required()
        ->type_name("DIR");
    command->add_option("--out", options->out, "A new directory, or one of an earlier export")
        ->required()
        ->type_name("DIR");
    command->add_flag("--with-fitted-features", options->with_fitted_features,
                      "Publish features.json as it is where the features cannot do without means, "
                      "deviations and components of the training rows (rbf)");
    command->add_flag("--flooded", options->flooded,
                      "Of a model that several owners released: its weights, with the noise that "
                      "hides encryption's error");
    command->callback([options] { export_model(*options); });
}

}  // namespace cipherfit
