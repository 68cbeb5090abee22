// The owner's side of a job: what is made from the secret key, and what comes back.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/unchecked.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/train/owner/preprocess.h"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace cipherfit {

// Whether a content of an earlier run can stay: it is there, of that kind and identity, and every
// digest in it fits. One that is damaged or cut off is to be written anew. Throws Error for one
// that is not to be replaced: fingerprint_mismatch, bad_input (another kind), unsupported_version,
// io_failure.
bool is_complete(const JobStore& store, std::string_view name, ContainerKind kind,
                 const ContainerIdentity& identity, std::initializer_list<IdentityPart> parts);

// Exactly the keys that the plan asks for, made and written one by one.
Expected<std::uint64_t> write_evaluation_keys(ContentSink to, const Job& job, const SecretKey& key,
                                              const ByteProgress& progress = {});

// Packs, encodes, encrypts and writes the prepared data, block by block. Throws
// Error(invalid_argument) where the data's shape is not the plan's.
Expected<std::uint64_t> write_training_data(ContentSink to, const Job& job, const SecretKey& key,
                                            const PreparedData& data,
                                            const ByteProgress& progress = {});

// The same for every mini-batch, a content each. Batches that a stopped run has left are kept where
// they are whole and undamaged, all their digests included, and written anew where they are not.
// Returns the bytes of all. Errors: as above, and fingerprint_mismatch for contents of another job.
Expected<std::uint64_t> write_training_batches(JobStore& store, const Job& job,
                                               const SecretKey& key, const PreparedData& data,
                                               const ByteProgress& progress = {});

// Decrypts the model's blocks. accepted_model() in model_check.h makes a head of the result, if it
// passes. `xs` holds the scaled features of the training rows (PreparedData): a solver whose states
// are no models multiplies by them, others have no use for them. Keeps no record of what was
// decrypted: release_model() in model_check.h does.
UncheckedModel decrypt_model(const Job& job, const SecretKey& key,
                             const std::vector<Ciphertext>& model, const RowMatrix& xs);

}  // namespace cipherfit
