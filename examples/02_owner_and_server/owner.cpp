#include "owner.h"

#include "cipherfit/protocol/owner/decryption_record.h"

#include <utility>

#include <fmt/format.h>

using namespace cipherfit;

OwnerState send_job(const std::filesystem::path& directory, const Dataset& training) {
    // Recipe and preprocessing are chosen in the clear on the owner's own rows. The plan says ring,
    // primes, layout and keys; it is public, and refused below 128-bit security.
    SetupOptions options;
    options.recipe.iterations = 2;
    OwnerSetup setup = make_owner_setup(training, options);
    const PreparedData data = prepare_rows(setup, training.features, training.labels);
    TwinReference expected = make_twin_reference(setup, data);
    const TrainingPlan& plan = setup.plan;
    fmt::print("owner:  {} iterations, ring 2^{}, {} levels, {}-bit security, {} evaluation keys\n",
               plan.recipe().iterations, plan.parameters().log_n(), plan.parameters().max_level(),
               plan.parameters().security_bits(), plan.keys().levels().size());

    // The keys. The nonce names this job: files of another one are refused.
    SecretKey secret = SecretKey::generate(plan.parameters());
    Nonce nonce{};
    random_bytes(nonce);
    const Job job{plan, job_identity(plan, secret.id(), nonce)};

    // What is sent: the plan, exactly the keys that it names, and the encrypted data.
    const JobFiles files{directory};
    value_or_throw(write_plan(files.plan(), job));
    const auto keys = value_or_throw(write_evaluation_keys(files.evaluation_keys(), job, secret));
    const auto rows = value_or_throw(write_training_data(files.training_data(), job, secret, data));
    fmt::print("owner:  sent {:.1f} MB of keys and {:.1f} MB of encrypted data\n",
               static_cast<double>(keys) / 1e6, static_cast<double>(rows) / 1e6);
    return {std::move(setup), job, std::move(secret), data.xs, std::move(expected)};
}

Head receive_model(const std::filesystem::path& directory, const OwnerState& owner) {
    const auto model = value_or_throw(read_model(JobFiles{directory}.model(), owner.job));
    // This key decrypts once and is gone. One that is kept has its record in a file beside it.
    DecryptionRecord once;
    return release_model(once, owner.job, owner.secret, model, owner.scaled_rows, owner.setup,
                         owner.expected);
}
