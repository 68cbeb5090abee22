// The data owner: has the data and the secret key, sends ciphertexts, gets an encrypted model back.
#pragma once

#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/train/head.h"
#include "data_set.h"

#include <filesystem>

// What the owner keeps between the two steps. Of all this the server sees only job.plan.
struct OwnerState {
    cipherfit::Job job;
    cipherfit::SecretKey secret;
    cipherfit::Preprocessing preprocessing;
    cipherfit::RowMatrix scaled_rows;  // what the dual solver's coefficients belong to
    cipherfit::Head expected;          // the model of a rehearsal in the clear, for comparison
};

// Step 1: chooses the recipe, makes the plan and the keys, and fills the job directory.
OwnerState send_job(const std::filesystem::path& directory, const DataSet& training);

// Step 3: decrypts the model that the server left there.
cipherfit::Head receive_model(const std::filesystem::path& directory, const OwnerState& owner);
