// The owner's side of an encrypted prediction.
#pragma once

#include "cipherfit/protocol/owner/decryption_record.h"
#include "cipherfit/protocol/owner/unchecked.h"
#include "cipherfit/protocol/prediction_files.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/train/owner/head.h"

namespace cipherfit {

// Rows and model in the sizes of encrypted_predictor.h. scores = factor * rows model^T.
struct PredictionInputs {
    RowMatrix rows;   // n x (features + 1), bias first
    RowMatrix model;  // c x (features + 1); empty where the server has its own
    double factor = 1.0;
};

// For the owner's model: every feature centred and brought to [-1, 1] over these rows, which goes
// into the weights, so that little is lost to cancellation. Throws Error(bad_input) for another
// number of features.
PredictionInputs prediction_inputs(const RowMatrix& raw, const Head& head);
// For a model of the server's: the rows as they are but for the factor.
PredictionInputs prediction_inputs(const RowMatrix& raw);

// A job of the plan and the key, with a nonce of its own.
PredictionJob new_prediction_job(const PredictionPlan& plan, const SecretKey& key);
// All that the owner sends, the plan last: without it the server does nothing. Throws what the
// writers below report.
void send_prediction(JobStore& store, const PredictionJob& job, const SecretKey& key,
                     const PredictionInputs& inputs);

Expected<void> write_prediction_keys(ContentSink to, const PredictionJob& job,
                                     const SecretKey& key);
// Both throw Error(invalid_argument) for inputs of another shape than the plan's.
Expected<void> write_prediction_rows(ContentSink to, const PredictionJob& job, const SecretKey& key,
                                     const RowMatrix& rows);
Expected<void> write_prediction_model(ContentSink to, const PredictionJob& job,
                                      const SecretKey& key, const RowMatrix& model);

// n x c, times the file's factor and the inputs'. Keeps no record of what was decrypted:
// release_scores() does, and opens them.
UncheckedScores decrypt_scores(const PredictionJob& job, const SecretKey& key,
                               const EncryptedScores& scores, double factor);

// What an honest server's scores are held to: of the very numbers that were encrypted, so that no
// rounding of features far from the origin comes between.
RowMatrix scores_in_the_clear(const PredictionInputs& inputs);

// What no score of an honest server exceeds: 12 deviations of score_error(), and what rounding
// makes of scores_in_the_clear(), |error| <= (d + 2) 2^-53 |x|_1 |w| in the plan's sizes; times the
// factor.
double score_error_bound(const PredictionPlan& plan, double factor);

// decrypt_scores() as an owner should call it, with a record of what was decrypted. `expected`:
// scores_in_the_clear(), or null where the model is the server's. Throws refuse_decrypted().
RowMatrix release_scores(DecryptionRecord& record, const PredictionJob& job, const SecretKey& key,
                         const EncryptedScores& scores, double factor, const RowMatrix* expected);

}  // namespace cipherfit
