// The owner's private directory, mode 0700, which the server never gets.
//
//   features.json     the image features' constants, where there are any
//   plan.json         plan, preprocessing, class names, outcome of the rehearsal, bounds
//   twin_weights.npy  the twin's weights, which the decrypted ones are held to
//   scaled_rows.npy   dual solver: the scaled training rows, which make a model of coefficients
//   secret.key        the secret key
//   job.json          identity of the job
//   decryptions.json  what was decrypted under the key, and what came of it
//
// The command line keeps more there:
//
//   inputs.json       which rows and options the plan was made from
//   timings.json      seconds of the phases that are done
//   test.json         where fit read the test rows, for the report
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/io/dataset.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/protocol/owner/owner_setup.h"
#include "cipherfit/protocol/owner/rows_mark.h"
#include "cipherfit/train/owner/calibration.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct OwnerFiles {
    std::filesystem::path directory;
    std::filesystem::path inputs() const { return directory / "inputs.json"; }
    std::filesystem::path features() const { return directory / "features.json"; }
    std::filesystem::path plan() const { return directory / "plan.json"; }
    std::filesystem::path secret_key() const { return directory / "secret.key"; }
    std::filesystem::path job() const { return directory / "job.json"; }
    std::filesystem::path twin_weights() const { return directory / "twin_weights.npy"; }
    std::filesystem::path scaled_rows() const { return directory / "scaled_rows.npy"; }
    std::filesystem::path decryptions() const { return directory / "decryptions.json"; }
    std::filesystem::path timings() const { return directory / "timings.json"; }
    std::filesystem::path test_source() const { return directory / "test.json"; }
};

// Where the columns of the training rows came from: a model is for rows of the same origin.
struct ColumnSource {
    std::shared_ptr<const FeatureExtractor> extractor = nullptr;  // null: columns as they were
    std::string backbone = {};  // the network whose features they are; empty if it is not known
    TableEncoding table = {};
};

// What the plan step leaves: everything but rows and keys.
struct OwnerState {
    OwnerSetup setup;
    TwinReference reference;
    RowMatrix scaled_rows;  // PreparedData::xs; empty with the primal solver
    ColumnSource columns = {};
    // It turns scores into probabilities; none if no held-out scores are known.
    std::optional<Calibration> calibration = {};
    // It marks the training rows; plans of version 0.1.0 have none.
    std::optional<RowsMark> rows = {};
};
// plan.json is written last: its presence says that the others are there. The directory must exist.
// Throws Error(io_failure).
void write_owner_state(const OwnerFiles& files, const OwnerState& state);
// Throws Error: io_failure if there is no plan, corrupt_data, insecure_parameters.
OwnerState read_owner_state(const OwnerFiles& files, TestParameters tests = TestParameters::refuse);

// The identity of the job that the owner encrypted. Throws Error as above.
void write_owner_job(const OwnerFiles& files, const ContainerIdentity& identity);
ContainerIdentity read_owner_job(const OwnerFiles& files, const TrainingPlan& plan);

// null without one; doubles survive bit for bit. Throws Error(corrupt_data), naming the file.
nlohmann::json calibration_json(const std::optional<Calibration>& calibration);
std::optional<Calibration> read_calibration(const nlohmann::json& json,
                                            const std::filesystem::path& path, std::size_t classes);

}  // namespace cipherfit
