// The files of an encrypted prediction, and the server's work on them.
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

#include "cipherfit/io/matrix.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/train/encrypted_predictor.h"

#include <filesystem>
#include <vector>

namespace cipherfit {

struct PredictionFiles {
    std::filesystem::path directory;
    std::filesystem::path plan() const { return directory / "prediction_plan.cft"; }
    std::filesystem::path evaluation_keys() const { return directory / "evaluation_keys.cft"; }
    std::filesystem::path rows() const { return directory / "rows.cft"; }
    std::filesystem::path model() const { return directory / "encrypted_model.cft"; }
    std::filesystem::path scores() const { return directory / "scores.cft"; }
};

struct PredictionJob {
    PredictionPlan plan;
    ContainerIdentity identity;
};
ContainerIdentity prediction_identity(const PredictionPlan& plan, const Digest& key_id,
                                      const Nonce& nonce);

Expected<PredictionJob> read_prediction_plan(const std::filesystem::path& path,
                                             TestParameters tests = TestParameters::refuse);
Expected<void> write_prediction_plan(const std::filesystem::path& path, const PredictionJob& job);

Expected<EvaluationKeys> read_prediction_keys(const std::filesystem::path& path,
                                              const PredictionJob& job);
Expected<std::vector<Ciphertext>> read_prediction_rows(const std::filesystem::path& path,
                                                       const PredictionJob& job);
Expected<std::vector<Ciphertext>> read_prediction_model(const std::filesystem::path& path,
                                                        const PredictionJob& job);

// Scores, and what they must be multiplied by: 1, or what was taken out of a model in the clear.
struct EncryptedScores {
    std::vector<Ciphertext> blocks;
    double factor = 1.0;  // > 0
};
Expected<EncryptedScores> read_scores(const std::filesystem::path& path, const PredictionJob& job);
Expected<void> write_scores(const std::filesystem::path& path, const PredictionJob& job,
                            const EncryptedScores& scores);

struct PredictionOptions {
    // The server's own model: weights.npy, c x (features + 1), bias first. Empty: the job's
    // encrypted one.
    std::filesystem::path model;
    double memory_limit_bytes = 0;  // 0: the machine's
    TestParameters tests = TestParameters::refuse;
};

// The server's whole work: locks the directory, reads, multiplies, leaves scores.cft, which it
// replaces where there is one. Throws Error: bad_input for a model of another shape, or given where
// the job brings one, or missing where it brings none; busy; and what the readers report.
PredictionJob run_prediction_job(const std::filesystem::path& directory,
                                 const PredictionOptions& options = {});

}  // namespace cipherfit
