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
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "cipherfit/train/plan.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace cipherfit {

// Whether files made under insecure, test-only parameters are read.
enum class TestParameters { refuse, allow };

// Throws Error(insecure_parameters), naming the file, where they are refused.
void refuse_test_parameters(const Parameters& parameters, TestParameters tests,
                            const std::string& file);

// The names of the files in a job directory.
struct JobFiles {
    std::filesystem::path directory;
    std::filesystem::path plan() const { return directory / "plan.cft"; }
    std::filesystem::path evaluation_keys() const { return directory / "evaluation_keys.cft"; }
    std::filesystem::path training_data() const { return directory / "training_data.cft"; }
    // Of a run with mini-batches, 0...
    std::filesystem::path batch(std::size_t index) const {
        return directory / "batches" / fmt::format("batch_{:05}.cft", index);
    }
    std::filesystem::path checkpoint() const { return directory / "checkpoint.cft"; }
    // Of iteration 1.., kept for the owner to look at.
    std::filesystem::path kept_checkpoint(int iteration) const {
        return directory / "checkpoints" / fmt::format("iteration_{:04}.cft", iteration);
    }
    // The owner's answer to it, see review.h.
    std::filesystem::path answer(int iteration) const {
        return directory / "checkpoints" / fmt::format("iteration_{:04}.answer.json", iteration);
    }
    std::filesystem::path model() const { return directory / "model.cft"; }
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
Expected<Job> read_plan(const std::filesystem::path& path,
                        TestParameters tests = TestParameters::refuse);
Expected<void> write_plan(const std::filesystem::path& path, const Job& job);

Expected<EvaluationKeys> read_evaluation_keys(const std::filesystem::path& path, const Job& job,
                                              const ByteProgress& progress = {});
Expected<EncryptedTrainingData> read_training_data(const std::filesystem::path& path,
                                                   const Job& job,
                                                   const ByteProgress& progress = {});

// The data of one mini-batch. A file of another batch is refused by the index that it carries.
Expected<EncryptedTrainingData> read_training_batch(const std::filesystem::path& path,
                                                    const Job& job, std::size_t batch);

// A training state: kind checkpoint, or kind model once training is finished. Writing is atomic
// and returns the file's bytes.
Expected<TrainingState> read_state(const std::filesystem::path& path, ContainerKind kind,
                                   const Job& job);
Expected<std::uint64_t> write_state(const std::filesystem::path& path, ContainerKind kind,
                                    const Job& job, const TrainingState& state);

// The model's blocks from the server's file.
Expected<std::vector<Ciphertext>> read_model(const std::filesystem::path& path, const Job& job);

}  // namespace cipherfit
