#include "training_fixture.h"

#include "cipherfit/solver/owner/training_messages.h"
#include "cipherfit/train/owner/preprocess.h"

#include <cstring>
#include <random>
#include <utility>

namespace cipherfit::bench {
namespace {

constexpr Eigen::Index samples = 128;
constexpr Eigen::Index features = 400;
constexpr int classes = 10;

// Features as a CNN gives them: not negative, a pattern a class, and noise.
PreparedData synthetic_data(const Recipe& recipe) {
    std::mt19937_64 random(2023);
    std::uniform_real_distribution<double> uniform(0, 1);
    RowMatrix patterns(classes, features);
    for (double& value : patterns.reshaped()) {
        value = uniform(random);
    }
    RowMatrix raw(samples, features);
    std::vector<int> labels;
    labels.reserve(samples);
    for (Eigen::Index i = 0; i < samples; ++i) {
        labels.push_back(static_cast<int>(i) % classes);
        for (Eigen::Index j = 0; j < features; ++j) {
            raw(i, j) = 0.5 * patterns(labels.back(), j) + uniform(random);
        }
    }
    return prepare(raw, labels, classes, fit_preprocessing(raw, recipe.preset), recipe);
}

Recipe recipe_of(const NamedRecipe& named) {
    return std::strcmp(named.name, "chiang2023") == 0
               ? chiang2023_recipe(named.iterations, samples)
               : standard_recipe(named.iterations, 16.0, fit_sigmoid(3, 8.0));
}

TrainingPlan plan_of(const NamedRecipe& named) {
    PlanOptions options;
    options.solver = named.solver;
    if (std::strcmp(named.name, "chiang2023") == 0) {
        options.most_ciphertexts = 6;
    }
    return TrainingPlan::create({samples, features + 1, classes}, recipe_of(named), options);
}

EncryptedTrainingData encrypt_data(const TrainingPlan& plan, const SecretKey& secret) {
    const Encoder encoder(plan.parameters());
    EncryptedTrainingData result;
    for_each_message(plan, synthetic_data(plan.recipe()), 0, [&](const TrainingMessage& message) {
        result[message.name].push_back(
            encrypt(secret, encoder.encode(message.slots, message.level, message.scale)));
    });
    return result;
}

std::vector<Ciphertext> copy(const std::vector<Ciphertext>& ciphertexts) {
    std::vector<Ciphertext> result;
    result.reserve(ciphertexts.size());
    for (const Ciphertext& ciphertext : ciphertexts) {
        result.push_back(ciphertext.copy());
    }
    return result;
}

}  // namespace

TrainingFixture::TrainingFixture(const NamedRecipe& recipe)
    : plan_(plan_of(recipe)),
      secret_(SecretKey::generate(plan_.parameters())),
      keys_(KeyGenerator(secret_).evaluation_keys(plan_.keys())),
      data_(encrypt_data(plan_, secret_)) {}

EncryptedTrainingData TrainingFixture::copy_data() const {
    EncryptedTrainingData copied;
    for (const auto& [name, ciphertexts] : data_) {
        copied[name] = copy(ciphertexts);
    }
    return copied;
}

EncryptedTrainer& TrainingFixture::trainer() {
    if (!trainer_) {
        trainer_ = std::make_unique<EncryptedTrainer>(plan_, keys_, copy_data());
        states_.resize(1);
    }
    return *trainer_;
}

const TrainingState& TrainingFixture::state(int t) {
    EncryptedTrainer& made = trainer();
    while (states_.size() <= static_cast<std::size_t>(t)) {
        states_.push_back(made.step(states_.back()));
    }
    return states_[static_cast<std::size_t>(t)];
}

void TrainingFixture::release() {
    states_.clear();
    trainer_.reset();
}

TrainingFixture& fixture(const NamedRecipe& recipe) {
    static std::unique_ptr<TrainingFixture> current;
    static const char* made = nullptr;
    if (made != recipe.name) {
        current.reset();
        current = std::make_unique<TrainingFixture>(recipe);
        made = recipe.name;
    }
    return *current;
}

}  // namespace cipherfit::bench
