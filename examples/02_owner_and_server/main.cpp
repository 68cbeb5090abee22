// Training on encrypted data, both parties: the owner sends a job, the server trains without being
// able to read anything, the owner decrypts the model. All that passes between them are the
// contents of the job, which could as well lie on another machine.
#include "cipherfit/protocol/owner/owner_session.h"

#include <cstdlib>
#include <random>

#include <fmt/format.h>

using namespace cipherfit;

void train_job(JobStore& job);  // server.cpp

// Three classes of points, a normal cloud around a centre each. Other seeds give other points.
static Dataset make_data_set(int samples, unsigned seed) {
    std::mt19937_64 shared(7), random(seed);
    std::normal_distribution<double> normal;
    const RowMatrix centres = RowMatrix::NullaryExpr(3, 12, [&] { return normal(shared); });
    Dataset data;
    data.features.resize(samples, 12);
    data.class_names = {"0", "1", "2"};
    for (int i = 0; i < samples; ++i) {
        data.labels.push_back(i % 3);
        for (int j = 0; j < 12; ++j) {
            data.features(i, j) = centres(i % 3, j) + 1.5 * normal(random);
        }
    }
    return data;
}

int main() try {
    std::string directory = std::filesystem::temp_directory_path() / "cipherfit-XXXXXX";
    require(mkdtemp(directory.data()) != nullptr, ErrorCode::io_failure, "no {}", directory);
    DirectoryStore job(directory);
    // Recipe and plan are chosen on the owner's own rows. The key stays in the session.
    SetupOptions options;
    options.recipe.iterations = 2;
    OwnerSession owner = OwnerSession::prepare(make_data_set(120, 1), options);
    const Parameters& parameters = owner.plan().parameters();
    fmt::print("owner:  ring 2^{}, {} levels, {}-bit security\n", parameters.log_n(),
               parameters.max_level(), parameters.security_bits());
    owner.make_key();
    owner.send(job);
    train_job(job);
    // Refused unless it is the plaintext twin's model within the predicted noise.
    const Head model = owner.decrypt(job);
    const Dataset test = make_data_set(600, 2);
    fmt::print("accuracy on {} new samples: {:.1f} % encrypted, {:.1f} % in the clear\n",
               test.labels.size(), 100 * model.accuracy(test.features, test.labels),
               100 * owner.reference().head.accuracy(test.features, test.labels));
    std::filesystem::remove_all(directory);
} catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_status(error.code());
}
