// The owner's private directory, mode 0700, which the server never gets.
//
//   inputs.json       which rows and options the plan was made from
//   features.json     the image features' constants, where there are any
//   plan.json         plan, preprocessing, class names, outcome of the rehearsal, bounds
//   twin_weights.npy  the twin's weights, which the decrypted ones are held to
//   scaled_rows.npy   dual solver: the scaled training rows, which make a model of coefficients
//   secret.key        the secret key
//   job.json          identity of the job
//   timings.json      seconds of the phases that are done
//   test.json         where fit read the test rows, for the report
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/protocol/owner/owner_setup.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

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
    std::filesystem::path timings() const { return directory / "timings.json"; }
    std::filesystem::path test_source() const { return directory / "test.json"; }
};

// JSON files, whole or not at all; 0600 where private. Errors: io_failure, corrupt_data.
void write_json(const std::filesystem::path& path, const nlohmann::json& json, bool is_private);
nlohmann::json read_json(const std::filesystem::path& path);

// Hexadecimal digits of exactly that many bytes; throws Error(corrupt_data), naming the file.
void parse_fingerprint(std::string_view text, std::span<std::uint8_t> out,
                       const std::filesystem::path& path);

// Makes the directory and its parents; throws Error(io_failure). The owner's gets mode 0700.
void make_directory(const std::filesystem::path& path);
void make_owner_directory(const std::filesystem::path& path);

// What `plan --owner` left: everything but rows and keys.
struct OwnerState {
    OwnerSetup setup;
    std::unique_ptr<FeatureExtractor> extractor;  // null for raw features
    TwinReference reference;
    RowMatrix scaled_rows;  // PreparedData::xs; empty with the primal solver
    std::string backbone;   // see Samples
};
void write_owner_state(const OwnerFiles& files, const OwnerState& state,
                       const nlohmann::json& inputs);
// The same into a directory that is made and locked for it. Throws Error(busy) where another
// process has made a plan there in the meantime.
void keep_new_plan(const OwnerFiles& files, const OwnerState& state, const nlohmann::json& inputs);
OwnerState read_owner_state(const OwnerFiles& files);

// The identity of the job that the owner encrypted.
void write_owner_job(const OwnerFiles& files, const ContainerIdentity& identity);
ContainerIdentity read_owner_job(const OwnerFiles& files, const TrainingPlan& plan);

}  // namespace cipherfit
