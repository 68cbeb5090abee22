#include "owner.h"

#include "cipherfit/train/rehearse.h"
#include "cipherfit/train/twin.h"

#include <utility>

#include <fmt/format.h>

using namespace cipherfit;

OwnerState send_job(const std::filesystem::path& directory, const DataSet& training) {
    // The recipe: step, sigmoid and range, chosen in the clear on the owner's own rows, for as many
    // iterations as the owner is willing to pay for.
    const Rehearsal rehearsal =
        rehearse(training.features, training.labels, data_classes, {.iterations = 2});
    const Recipe& recipe = rehearsal.recipe;
    fmt::print("owner:  {} iterations, step {:.3g}, sigmoid of degree {} on [-{:.0f}, {:.0f}]\n",
               recipe.iterations, recipe.steps.front(), recipe.sigmoid.degree(),
               recipe.sigmoid.range, recipe.sigmoid.range);

    // Centring and scaling are fitted on the training rows; the server never learns them.
    Preprocessing preprocessing = fit_preprocessing(training.features, recipe.preset);
    const PreparedData data =
        prepare(training.features, training.labels, data_classes, preprocessing, recipe);

    // The plan: ring, primes, layout and the list of keys, refused below 128-bit security. It is
    // public and the same for both parties.
    TrainingPlan plan =
        TrainingPlan::create({static_cast<std::size_t>(data.samples()),
                              static_cast<std::size_t>(data.columns()), data_classes},
                             recipe);
    fmt::print("owner:  ring 2^{}, {} levels, {}-bit security, {} evaluation keys\n",
               plan.parameters().log_n(), plan.parameters().max_level(),
               plan.parameters().security_bits(), plan.keys().levels().size());

    // The keys. The nonce names this job: files of another one are refused.
    SecretKey secret = SecretKey::generate(plan.parameters());
    Nonce nonce{};
    random_bytes(nonce);
    const ContainerIdentity identity = job_identity(plan, secret.id(), nonce);
    const Job job{std::move(plan), identity};

    // What is sent: the plan, exactly the keys that it names, and the encrypted data.
    const JobFiles files{directory};
    value_or_throw(write_plan(files.plan(), job));
    const auto key_bytes =
        value_or_throw(write_evaluation_keys(files.evaluation_keys(), job, secret));
    const auto data_bytes =
        value_or_throw(write_training_data(files.training_data(), job, secret, data));
    fmt::print("owner:  sent {:.1f} MB of keys and {:.1f} MB of encrypted data\n",
               static_cast<double>(key_bytes) / 1e6, static_cast<double>(data_bytes) / 1e6);

    Head expected = finish_model(run_twin(data, recipe).model(), preprocessing, recipe);
    return {job, std::move(secret), std::move(preprocessing), data.xs, std::move(expected)};
}

Head receive_model(const std::filesystem::path& directory, const OwnerState& owner) {
    const auto blocks = value_or_throw(read_model(JobFiles{directory}.model(), owner.job));
    const RowMatrix state = decrypt_model(owner.job, owner.secret, blocks, owner.scaled_rows);
    // Back to plain weights for raw features.
    return finish_model(state, owner.preprocessing, owner.job.plan.recipe());
}
