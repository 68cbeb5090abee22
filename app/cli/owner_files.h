// The owner's private directory, mode 0700, which the server never gets.
//
//   inputs.json       which rows and options the plan was made from
//   features.json     the image features' constants, where there are any
//   plan.json         plan, preprocessing, class names, outcome of the rehearsal, bounds
//   twin_weights.npy  the twin's weights, which the decrypted ones are held to
//   scaled_rows.npy   dual solver: the scaled training rows, which make a model of coefficients
//   secret.key        the secret key
//   job.json          identity of the job
//   decryptions.json  what was decrypted under the key, and what came of it
//   timings.json      seconds of the phases that are done
//   test.json         where fit read the test rows, for the report
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/protocol/owner/owner_setup.h"
#include "cipherfit/train/calibration.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
    std::filesystem::path decryptions() const { return directory / "decryptions.json"; }
    std::filesystem::path timings() const { return directory / "timings.json"; }
    std::filesystem::path test_source() const { return directory / "test.json"; }
};

// null without one; doubles survive bit for bit. Throws Error(corrupt_data), naming the file.
nlohmann::json calibration_json(const std::optional<Calibration>& calibration);
std::optional<Calibration> read_calibration(const nlohmann::json& json,
                                            const std::filesystem::path& path, std::size_t classes);

// JSON files, whole or not at all, readable by the user alone. Errors: io_failure, corrupt_data.
void write_json(const std::filesystem::path& path, const nlohmann::json& json);
nlohmann::json read_json(const std::filesystem::path& path);
// The same with a digest of the rest in the member "checksum": damage must show as such, and not as
// a result that seems wrong. What earlier versions wrote has none.
void write_sealed_json(const std::filesystem::path& path, nlohmann::json json);
nlohmann::json read_sealed_json(const std::filesystem::path& path);
// Digests of the files beside it that a sealed file vouches for, by name, and their check. Throws
// Error(corrupt_data) for a file that was changed.
nlohmann::json digests_of(const std::vector<std::filesystem::path>& paths);
void require_digests(const nlohmann::json& digests, const std::filesystem::path& directory);

// server_report.json, or an empty object where there is none. It comes from outside: at most 64
// KiB are read.
nlohmann::json read_server_report(const JobFiles& job);

// Hexadecimal digits of exactly that many bytes; throws Error(corrupt_data), naming the file.
void parse_fingerprint(std::string_view text, std::span<std::uint8_t> out,
                       const std::filesystem::path& path);

// Makes the directory and its parents; throws Error(io_failure). The owner's gets mode 0700, even
// where it is there already.
void make_directory(const std::filesystem::path& path);
void make_owner_directory(const std::filesystem::path& path);
// Of a job: readable by others as far as the user's umask lets them.
void make_job_directory(const std::filesystem::path& path);

// From then on whatever this process makes is its user's alone, whatever the umask was.
void keep_files_private() noexcept;
// The umask that the process was started with: for what a server gets.
unsigned callers_umask() noexcept;
// As long as it lives, files and directories are made under that umask: those of a job, which other
// users may have to read.
class SharedFiles {
  public:
    SharedFiles() noexcept;
    ~SharedFiles();
    SharedFiles(const SharedFiles&) = delete;
    SharedFiles& operator=(const SharedFiles&) = delete;

  private:
    unsigned before_;
};

// What `plan --owner` left: everything but rows and keys.
struct OwnerState {
    OwnerSetup setup;
    std::unique_ptr<FeatureExtractor> extractor;  // null for raw features
    TwinReference reference;
    RowMatrix scaled_rows;     // PreparedData::xs; empty with the primal solver
    std::string backbone;      // see Samples
    TableEncoding table = {};  // of the training rows
    // Of probabilities; none where no held-out scores are known.
    std::optional<Calibration> calibration = {};
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
