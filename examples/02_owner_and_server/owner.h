// The data owner: has the data and the secret key, sends ciphertexts, gets an encrypted model back.
#pragma once

#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/owner/model_check.h"

#include <filesystem>

// What the owner keeps between the two steps. Of all this the server sees only job.plan.
struct OwnerState {
    cipherfit::OwnerSetup setup;  // recipe, preprocessing and plan
    cipherfit::Job job;
    cipherfit::SecretKey secret;
    cipherfit::RowMatrix scaled_rows;   // what the dual solver's coefficients belong to
    cipherfit::TwinReference expected;  // the result in the clear, and how far noise can move it
};

// Step 1: chooses the recipe, makes the plan and the keys, and fills the job directory.
OwnerState send_job(const std::filesystem::path& directory, const cipherfit::Dataset& training);

// Step 3: decrypts the model that the server left there, and refuses one that is not the expected.
cipherfit::Head receive_model(const std::filesystem::path& directory, const OwnerState& owner);
