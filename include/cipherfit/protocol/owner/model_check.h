// What stands between a decrypted model and its use: the plaintext twin's result, and the checks
// that a model must pass. A run that ended in noise, a chain that overflowed or a server that
// returned something else must not come out as a model.
#pragma once

#include "cipherfit/protocol/owner/checkpoints.h"
#include "cipherfit/protocol/owner/decryption_record.h"
#include "cipherfit/protocol/owner/owner_setup.h"
#include "cipherfit/train/owner/head.h"

#include <optional>
#include <span>
#include <vector>

namespace cipherfit {

// What the encrypted run must reproduce, computed in the clear from the training rows.
struct TwinReference {
    Head head;
    double weight_error_bound = 0;  // of raw-feature weights; see noise.h
    double state_error_bound = 0;   // in scaled coordinates
    double largest_abs_z = 0;       // of training
    double largest_abs_state = 0;   // TwinResult::max_abs_held of the solver's twin
    // The bounds of the model after every iteration; the last of them are the above.
    std::vector<double> weight_error_bounds, state_error_bounds;
};

// Runs the twin and bounds the error. Throws Error(bad_input) where |z| leaves the sigmoid's range,
// the weights outgrow the chain's capacity or the noise could drown them: before anything is
// encrypted.
TwinReference make_twin_reference(const OwnerSetup& setup, const PreparedData& data);
TwinReference make_twin_reference(const OwnerSetup& setup, const PlainRuns& runs);

// The head of a decrypted state, or nothing for values that are not finite, that the chain cannot
// hold, or that differ from the reference by more than its bounds.
std::optional<Head> accepted_model(const UncheckedModel& state, const OwnerSetup& setup,
                                   const TwinReference& reference);
// The same, with refuse_decrypted() for nothing: an answer that depends on a decryption is a
// channel (SECURITY.md).
Head checked_model(const UncheckedModel& state, const OwnerSetup& setup,
                   const TwinReference& reference);

// The heads of decrypted checkpoints, ascending, each held to the twin's model after as many
// iterations and to the bounds of that iteration. `data`: the training rows. Throws as above.
struct CheckedModel {
    int iteration = 0;
    Head head;
    Head twin;  // what the head was held to
};
std::vector<CheckedModel> checked_models(const std::vector<CheckpointModel>& checkpoints,
                                         const PreparedData& data, const OwnerSetup& setup,
                                         const TwinReference& last);

// decrypt_model() and checked_model(), and decrypt_checkpoints() and checked_models(), as an owner
// should call them: with a record of what was decrypted, so that nobody can ask twice. Throw
// refuse_decrypted(), and what the record and the readers throw. Arguments as above.
Head release_model(DecryptionRecord& record, const Job& job, const SecretKey& key,
                   const std::vector<Ciphertext>& model, const RowMatrix& xs,
                   const OwnerSetup& setup, const TwinReference& reference);
std::vector<CheckedModel> release_checkpoints(DecryptionRecord& record, const JobStore& store,
                                              const Job& job, const SecretKey& key,
                                              const RowMatrix& xs, const PreparedData& data,
                                              const OwnerSetup& setup, const TwinReference& last);

// The largest |w - w_twin| over all raw-feature weights.
double largest_weight_error(const Head& head, const Head& twin);

// Rows that the head and the twin classify differently although the twin's margin exceeds
// 2 bound (1 + |x|_1), the most that weights within `bound` can move two scores apart.
std::size_t count_disagreements(const Head& head, const Head& twin, const RowMatrix& raw,
                                double bound);

}  // namespace cipherfit
