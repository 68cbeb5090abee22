// The owner's steps of an encrypted prediction.
#pragma once

#include "cipherfit/protocol/owner/prediction_owner.h"
#include "cipherfit/train/owner/calibration.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "common/progress_line.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

// Which rows, and whose model.
struct PredictSource {
    std::filesystem::path model;         // the owner's: fit's or decrypt's directory
    std::filesystem::path server_model;  // the server's: a directory with its card.json
    SampleOptions data;
};
void add_predict_source_options(CLI::App& app, PredictSource& source);

// Rows in the model's terms, ready to encrypt.
struct RowsToScore {
    PredictionInputs inputs;
    std::vector<std::string> class_names;
    std::vector<int> labels;            // none where they are not known
    std::optional<RowMatrix> expected;  // scores in the clear, where the model is the owner's
    std::optional<Calibration> calibration;
    std::string notes;  // lines to print, of text that the model does not know
};
// Throws Error(bad_input) for rows that do not fit the model.
RowsToScore read_rows_to_score(const PredictSource& source);

PredictionPlan plan_prediction(const RowsToScore& rows);

// Encrypts rows, and the model where it is the owner's, into the job's directory; the plan last.
void write_prediction_job(const PredictionFiles& files, const PredictionJob& job,
                          const SecretKey& key, const RowsToScore& rows, ProgressLine& line);

// What the owner keeps between encrypting and decrypting.
struct PredictionRecord {
    PredictionJob job;
    double factor = 1.0;
    std::vector<std::string> class_names;
    std::vector<int> labels;
    std::optional<RowMatrix> expected;
    std::optional<Calibration> calibration = {};
};
PredictionRecord record_of(const PredictionJob& job, const RowsToScore& rows);
// prediction.json and expected_scores.npy in the owner's directory.
void write_prediction_record(const std::filesystem::path& owner, const PredictionRecord& record);
PredictionRecord read_prediction_record(const std::filesystem::path& owner);

struct PredictOutput {
    std::filesystem::path out, scores;
    int top = 1;
};
void add_predict_output_options(CLI::App& app, PredictOutput& output);

// Decrypts and checks the scores, writes predictions, prints what there is to say. Throws as
// release_scores().
void finish_prediction(const PredictionFiles& files, const PredictionRecord& record,
                       const SecretKey& key, DecryptionRecord decryptions,
                       const PredictOutput& output);

}  // namespace cipherfit
