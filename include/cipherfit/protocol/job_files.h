// What the owner and the server exchange: a job directory of containers (docs/reference/format.md).
//
//   plan.cft              owner  -> server   the training plan, and the identity of the job
//   evaluation_keys.cft   owner  -> server
//   training_data.cft     owner  -> server   features, labels and initial logits, encrypted
//   batches/*.cft         owner  -> server   the same of each mini-batch, in its place
//   checkpoint.cft        server             after every iteration
//   checkpoints/*.cft     server -> owner    the same, one for each, where they are asked for
//   checkpoints/*.json    owner  -> server   whether to go on after it, where that is asked
//   model.cft             server -> owner
//
// All of them carry the fingerprints of the parameters, the key and the plan; all but the keys,
// which may be made before the job has its nonce, carry that too. A key is meant for one job: what
// the server learns of decrypted models adds up under one key (SECURITY.md). Readers refuse a file
// of another identity, and hand out ciphertexts only after sizes, ranges and digests were checked:
// whatever comes back fits the plan. Errors are one line: corrupt_data, unsupported_version,
// fingerprint_mismatch, io_failure.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/container.h"
#include "cipherfit/protocol/job_store.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "cipherfit/train/plan.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Whether files made under insecure, test-only parameters are read.
enum class TestParameters { refuse, allow };

// Throws Error(insecure_parameters), naming the file, where they are refused.
void refuse_test_parameters(const Parameters& parameters, TestParameters tests,
                            const std::string& file);

// The names of a job's contents, in any store.
namespace contents {
inline constexpr std::string_view plan = "plan.cft";
inline constexpr std::string_view evaluation_keys = "evaluation_keys.cft";
inline constexpr std::string_view training_data = "training_data.cft";
inline constexpr std::string_view checkpoint = "checkpoint.cft";
inline constexpr std::string_view model = "model.cft";
inline constexpr std::string_view server_report = "server_report.json";
// What the names of mini-batches, and of what is kept of iterations, begin with.
inline constexpr std::string_view batches = "batches/";
inline constexpr std::string_view checkpoints = "checkpoints/";
// The rows of a mini-batch; the first has index 0.
std::string batch(std::size_t index);
// The state after an iteration, from 1 on, that is kept for the owner to look at.
std::string kept_checkpoint(int iteration);
// The owner's answer to it, see review.h.
std::string answer(int iteration);
}  // namespace contents

// Whether a content of that name belongs to a training job.
bool is_of_training(std::string_view name) noexcept;

// The files of a job whose store is a directory.
struct JobFiles {
    std::filesystem::path directory;
    std::filesystem::path plan() const { return directory / contents::plan; }
    std::filesystem::path evaluation_keys() const { return directory / contents::evaluation_keys; }
    std::filesystem::path training_data() const { return directory / contents::training_data; }
    std::filesystem::path batch(std::size_t index) const {
        return directory / contents::batch(index);
    }
    std::filesystem::path checkpoint() const { return directory / contents::checkpoint; }
    std::filesystem::path kept_checkpoint(int iteration) const {
        return directory / contents::kept_checkpoint(iteration);
    }
    std::filesystem::path answer(int iteration) const {
        return directory / contents::answer(iteration);
    }
    std::filesystem::path model() const { return directory / contents::model; }
};

// Bytes done and in all of a long read or write.
using ByteProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// The identity that files of this plan, key and job carry.
ContainerIdentity job_identity(const TrainingPlan& plan, const Digest& key_id,
                               const Nonce& nonce = {});

// The public key of the owner's answers to reviews (review.h): Ed25519.
using AnswerKey = std::array<std::uint8_t, 32>;

// A plan with the identity of its job, which all other files must match.
struct Job {
    TrainingPlan plan;
    ContainerIdentity identity;
    std::optional<AnswerKey> answer_key = std::nullopt;  // none in files of earlier versions
};
Expected<Job> read_plan(ContentSource from, TestParameters tests = TestParameters::refuse);
Expected<void> write_plan(ContentSink to, const Job& job);

Expected<EvaluationKeys> read_evaluation_keys(ContentSource from, const Job& job,
                                              const ByteProgress& progress = {});
Expected<EncryptedTrainingData> read_training_data(ContentSource from, const Job& job,
                                                   const ByteProgress& progress = {});

// The data of one mini-batch. A file of another batch is refused by the index that it carries.
Expected<EncryptedTrainingData> read_training_batch(ContentSource from, const Job& job,
                                                    std::size_t batch);

// A training state: kind checkpoint, or kind model once training is finished. Writing is atomic
// and returns the file's bytes.
Expected<TrainingState> read_state(ContentSource from, ContainerKind kind, const Job& job);
Expected<std::uint64_t> write_state(ContentSink to, ContainerKind kind, const Job& job,
                                    const TrainingState& state);

// The model's blocks from the server's content.
Expected<std::vector<Ciphertext>> read_model(ContentSource from, const Job& job);

}  // namespace cipherfit
