// The owner's steps, each of which a command runs alone and `fit` runs in a row. A step that was
// interrupted can be given again: what it left complete is used, the rest is made anew.
#pragma once

#include "cipherfit/fitting/owner/fit_plan.h"
#include "cli/options.h"
#include "cli/owner_files.h"
#include "cli/passphrase.h"
#include "cli/samples.h"
#include "common/progress_line.h"

#include <filesystem>
#include <optional>
#include <string>

namespace cipherfit {

// plan_training() with the progress on the line. `choice`: made before on the same rows.
PlannedTraining make_plan(Samples training, const RecipeOptions& recipe,
                          const FeatureOptions& features, ProgressLine& line,
                          std::optional<ModelChoice> choice = std::nullopt);

// What decides the plan, as inputs.json keeps it: the rows' digest, the options, and where the rows
// came from.
nlohmann::json inputs_record(const SampleOptions& source, const Samples& training,
                             const RecipeOptions& recipe, const FeatureOptions& features);
// Throws Error(bad_input), naming the first difference, unless the file `record` describes the same
// rows and options, wherever the rows came from.
void require_same_inputs(const std::filesystem::path& record, const nlohmann::json& now);

// The rows that the plan in `files` was made from: `given`, or where they were read then. Throws
// Error(bad_input) for other rows.
Samples read_planned_rows(const OwnerFiles& files, const SampleOptions& given);

// Where rows came from, as JSON with absolute paths, and back.
nlohmann::json to_json(const SampleOptions& source, const char* file_member);
SampleOptions source_from_json(const nlohmann::json& json, const char* file_member);

// The session's secret key, from its directory.
void load_key(OwnerSession& session, Passphrase& passphrase);
// The secret key, made if there is none, and the evaluation keys in the job's directory, made if
// they are missing.
void make_keys(OwnerSession& session, const JobFiles& job, Passphrase& passphrase,
               ProgressLine& line);
// The job's plan and its encrypted rows, as far as they are missing. The session has the rows.
void encrypt_job(OwnerSession& session, const JobFiles& job, ProgressLine& line);

// model/: weights.npy, twin_weights.npy, model.json, and features.json for images. All private:
// what may be published is made of it by export_model().
struct ModelHeads {
    const Head& head;  // decrypted, or simulated
    const Head& twin;  // the plaintext twin's after as many iterations, without encryption's error
};
void write_model(const std::filesystem::path& directory, const ModelHeads& heads,
                 const OwnerState& state);

struct SavedModel {
    Head head;
    std::unique_ptr<FeatureExtractor> extractor;
    std::string backbone;  // see Samples
    TableEncoding table;   // of the training rows
    std::optional<Calibration> calibration;
};
SavedModel read_model_directory(const std::filesystem::path& directory);

// Test rows in the model's terms: its features, and labels as indices into its class names.
struct TestRows {
    RowMatrix features;
    std::vector<int> labels;
    // Rows of unknown classes were left out: row i is kept[i] of those that were read. Empty: all.
    std::vector<std::size_t> kept = {};
    std::size_t unknown_rows = 0;
    RowMatrix columns = {};  // before the extractor; empty unless they were asked for

    std::size_t source_row(std::size_t row) const { return kept.empty() ? row : kept[row]; }
};
enum class UnknownClasses { refuse, leave_out, keep };
inline UnknownClasses unknown_classes(const SampleOptions& test) {
    return test.count_unknown_classes ? UnknownClasses::leave_out : UnknownClasses::refuse;
}
// Rows of unknown classes are bad_input, left out, or kept with the label -1.
TestRows test_rows(Samples samples, const FeatureExtractor* extractor, const Head& head,
                   const std::string& file, UnknownClasses unknown = UnknownClasses::refuse,
                   bool keep_columns = false);

}  // namespace cipherfit
