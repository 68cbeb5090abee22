#include "bootstrap_fixture.h"

#include <cmath>
#include <sys/resource.h>

namespace cipherfit::bench {

BootstrapFixture::BootstrapFixture(const BootstrapLiteral& literal)
    : plan_(BootstrapPlan::create(literal)),
      secret_(SecretKey::generate(plan_.parameters())),
      keys_(KeyGenerator(secret_).evaluation_keys(plan_.keys())),
      bootstrapper_(plan_, keys_) {
    draw();
}

std::size_t BootstrapFixture::key_bytes() const {
    std::size_t sum = 0;
    const KeyRequest request = plan_.keys();
    for (const auto& [id, level] : request.levels()) {
        sum += switching_key_memory_bytes(plan_.parameters(), level, id);
    }
    return sum;
}

void BootstrapFixture::draw() {
    const Parameters& parameters = plan_.parameters();
    std::uniform_real_distribution<double> uniform(-std::sqrt(0.5), std::sqrt(0.5));
    message_.resize(parameters.slots());
    for (std::size_t j = 0; j < message_.size(); ++j) {
        if (j < plan_.slots()) {
            const double real = uniform(random_);
            message_[j] = {real, uniform(random_)};
        } else {
            message_[j] = message_[j - plan_.slots()];
        }
    }
    const Encoder encoder(parameters);
    input_ = encrypt(secret_, encoder.encode(message_, 1, plan_.output_scale()));
}

PrecisionStats BootstrapFixture::precision_of(const Ciphertext& result) const {
    const Encoder encoder(plan_.parameters());
    auto values = encoder.decode_complex(decrypt(secret_, result));
    return precision(values, message_);
}

std::size_t peak_memory_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace cipherfit::bench
