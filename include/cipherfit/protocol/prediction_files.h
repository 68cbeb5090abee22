// The contents of an encrypted prediction; the server's work on them is in prediction_session.h.
//
//   prediction_plan.cft  owner  -> server   sizes, and the identity of the job
//   evaluation_keys.cft  owner  -> server
//   rows.cft             owner  -> server   the rows to score, encrypted
//   encrypted_model.cft  owner  -> server   where the model is the owner's
//   scores.cft           server -> owner
//
// Keys, rows and model are of this job alone. As in job_files.h: readers refuse files of another
// identity and hand out what fits the plan. Errors: corrupt_data, unsupported_version,
// fingerprint_mismatch, io_failure.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/train/encrypted_predictor.h"

#include <filesystem>
#include <string_view>
#include <vector>

namespace cipherfit {

namespace contents {
inline constexpr std::string_view prediction_plan = "prediction_plan.cft";
inline constexpr std::string_view prediction_rows = "rows.cft";
inline constexpr std::string_view prediction_model = "encrypted_model.cft";
inline constexpr std::string_view scores = "scores.cft";
}  // namespace contents

struct PredictionFiles {
    std::filesystem::path directory;
    std::filesystem::path plan() const { return directory / contents::prediction_plan; }
    std::filesystem::path evaluation_keys() const { return directory / contents::evaluation_keys; }
    std::filesystem::path rows() const { return directory / contents::prediction_rows; }
    std::filesystem::path model() const { return directory / contents::prediction_model; }
    std::filesystem::path scores() const { return directory / contents::scores; }
};

struct PredictionJob {
    PredictionPlan plan;
    ContainerIdentity identity;
};
ContainerIdentity prediction_identity(const PredictionPlan& plan, const Digest& key_id,
                                      const Nonce& nonce);

Expected<PredictionJob> read_prediction_plan(ContentSource from,
                                             TestParameters tests = TestParameters::refuse);
Expected<void> write_prediction_plan(ContentSink to, const PredictionJob& job);

Expected<EvaluationKeys> read_prediction_keys(ContentSource from, const PredictionJob& job);
Expected<std::vector<Ciphertext>> read_prediction_rows(ContentSource from,
                                                       const PredictionJob& job);
Expected<std::vector<Ciphertext>> read_prediction_model(ContentSource from,
                                                        const PredictionJob& job);

// Scores, and what they must be multiplied by: 1, or what was taken out of a model in the clear.
struct EncryptedScores {
    std::vector<Ciphertext> blocks;
    double factor = 1.0;  // > 0
};
Expected<EncryptedScores> read_scores(ContentSource from, const PredictionJob& job);
Expected<void> write_scores(ContentSink to, const PredictionJob& job,
                            const EncryptedScores& scores);

}  // namespace cipherfit
