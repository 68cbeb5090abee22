// The learning curve of an encrypted run: the checkpoints that the server kept, decrypted.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/decryption_record.h"
#include "cipherfit/protocol/owner/unchecked.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/train/owner/preprocess.h"

#include <vector>

namespace cipherfit {

// The model as it stood after an iteration.
struct CheckpointModel {
    int iteration = 0;  // 1 to iterations - 1
    UncheckedModel state;
};

// The kept checkpoints of the job, ascending; those that are not there are left out. Every one is a
// further decryption under the key: what SECURITY.md says of decrypted models holds for each.
// Where models are joined from segments (segments.h), a checkpoint needs those of all boundaries
// before it: with one of them missing, the later ones are left out as well. Throws Error:
// corrupt_data and fingerprint_mismatch for a content that is not of this job, or that stands at
// another iteration than its name. `xs` as in decrypt_model().
std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs);
// The same, each told to the record before it is decrypted; release_checkpoints() tells the
// outcome.
std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs,
                                                 DecryptionRecord& record);

// The iteration of the last kept checkpoint that has a model, or would have one if those before it
// were there; 0 where there is none.
int last_kept_checkpoint(const JobStore& store, const TrainingPlan& plan);

}  // namespace cipherfit
