#include "cipherfit/rlwe/owner/secret_key.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

std::size_t all_limbs(const Parameters& parameters) {
    return parameters.max_level() + 1 + parameters.special_primes();
}

// A fresh error polynomial, NTT values.
RnsPoly sampled_error(SecretSampler& sampler, const Ring& ring, std::size_t limbs,
                      std::size_t level) {
    SecretVector<std::int8_t> error(ring.n());
    sampler.gaussian(error.span());
    return small_to_ntt(ring, error.span(), limbs, level);
}

}  // namespace

SecretKey::SecretKey(const Parameters& parameters, LockedVector<std::int8_t> coefficients,
                     const Digest& id)
    : parameters_(parameters),
      coefficients_(std::move(coefficients)),
      ntt_(small_to_ntt(parameters.ring(), coefficients_.span(), all_limbs(parameters),
                        parameters.max_level())),
      id_(id) {
    lock_memory(ntt_.limb(0), ntt_.bytes());
}

SecretKey SecretKey::generate(const Parameters& parameters) {
    LockedVector<std::int8_t> coefficients(parameters.n());
    SecretSampler().ternary(coefficients.span());
    Digest id{};
    random_bytes(id);
    return {parameters, std::move(coefficients), id};
}

SecretKey SecretKey::from_coefficients(const Parameters& parameters,
                                       std::span<const std::int8_t> coefficients,
                                       const Digest& id) {
    const bool ternary = std::all_of(coefficients.begin(), coefficients.end(),
                                     [](std::int8_t c) { return c >= -1 && c <= 1; });
    require(coefficients.size() == parameters.n() && ternary, ErrorCode::corrupt_data,
            "a secret key needs {} coefficients in {{-1, 0, 1}}", parameters.n());
    LockedVector<std::int8_t> copied(coefficients.size());
    std::ranges::copy(coefficients, copied.data());
    return {parameters, std::move(copied), id};
}

void SecretKey::wipe() noexcept {
    secure_wipe(coefficients_.data(), coefficients_.size());
    ntt_.wipe();
    if (coefficients_.size() != 0) {  // else another key has both now
        unlock_memory(ntt_.limb(0), ntt_.bytes());
    }
}

SecretKey::~SecretKey() {
    wipe();
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
    if (this != &other) {
        wipe();
        parameters_ = other.parameters_;
        coefficients_ = std::move(other.coefficients_);
        ntt_ = std::move(other.ntt_);
        id_ = other.id_;
    }
    return *this;
}

KeyGenerator::KeyGenerator(const SecretKey& key) : key_(key) {
    random_secret_bytes(sparse_seed_);
}

KeyGenerator::~KeyGenerator() {
    secure_wipe(sparse_seed_.data(), sparse_seed_.size());
}

PublicKey KeyGenerator::public_key() const {
    const Parameters& parameters = key_.parameters();
    const Ring& ring = parameters.ring();
    const std::size_t limbs = parameters.max_level() + 1;
    SecretSampler sampler;
    PublicKey result{parameters, sampled_error(sampler, ring, limbs, parameters.max_level()),
                     RnsPoly(ring.n(), limbs), random_seed()};
    parallel_for(0, limbs, [&](std::size_t i) {
        const Modulus& q = ring.modulus(i);
        expand_uniform(result.a.limb(i), ring.n(), result.seed, uniform_stream(0, i), q);
        RnsPoly product(ring.n(), 1);
        const WipeGuard guard(product);
        kernels().multiply(product.limb(0), result.a.limb(i), key_.ntt().limb(i), ring.n(), q);
        kernels().subtract(result.b.limb(i), result.b.limb(i), product.limb(0), ring.n(), q);
    });
    return result;
}

SeededSwitchingKey KeyGenerator::switching_key(KeyId id, std::size_t level) const {
    const Parameters& parameters = key_.parameters();
    const Ring& ring = parameters.ring();
    const std::size_t n = ring.n();
    if (id.is_encapsulation()) {
        return encapsulation_key(id, level);
    }
    require(
        level <= parameters.max_level() && (id.code < parameters.slots() || id.is_conjugation()),
        ErrorCode::invalid_argument,
        "a switching key needs a level of at most {} and a rotation below {}, got {} and {}",
        parameters.max_level(), parameters.slots(), level, id.code);
    // The inverse of a rotation by r to the left is one by slots - r; conjugation is its own.
    const auto inverse_rotation = static_cast<std::uint32_t>(parameters.slots()) - id.code;
    const KeyId inverse_id = id.is_conjugation() ? id : KeyId{inverse_rotation};
    const Permutation* inverse =
        id.is_relinearization() ? nullptr
                                : &ring.permutation(galois_element(inverse_id, parameters.log_n()));

    const std::size_t limbs = level + 1 + ring.p_count();
    SeededSwitchingKey result{.id = id, .level = level, .seed = random_seed(), .b = {}};
    SecretSampler sampler;
    for (std::size_t digit = 0; digit < ring.digits_at(level); ++digit) {
        RnsPoly b = sampled_error(sampler, ring, limbs, level);
        parallel_for(0, limbs, [&](std::size_t limb) {
            const std::size_t prime = ring.prime_of_limb(limb, level);
            const Modulus& q = ring.modulus(prime);
            const std::uint64_t* secret = key_.ntt().limb(prime);
            RnsPoly work(n, 2);
            const WipeGuard guard(work);
            // b -= a t
            expand_uniform(work.limb(0), n, result.seed, uniform_stream(digit, prime), q);
            if (inverse != nullptr) {
                kernels().permute(work.limb(1), secret, inverse->data(), n);
                kernels().multiply(work.limb(0), work.limb(0), work.limb(1), n, q);
            } else {
                kernels().multiply(work.limb(0), work.limb(0), secret, n, q);
            }
            kernels().subtract(b.limb(limb), b.limb(limb), work.limb(0), n, q);
            // b += P s' in the digit's own limbs
            if (limb <= level && limb / ring.digit_size() == digit) {
                if (inverse != nullptr) {
                    kernels().multiply_scalar_add(b.limb(limb), secret, ring.p_mod(limb), n, q);
                } else {
                    kernels().multiply(work.limb(1), secret, secret, n, q);
                    kernels().multiply_scalar_add(b.limb(limb), work.limb(1), ring.p_mod(limb), n,
                                                  q);
                }
            }
        });
        result.b.push_back(std::move(b));
    }
    return result;
}

EvaluationKeys KeyGenerator::evaluation_keys(const KeyRequest& request) const {
    EvaluationKeys keys(key_.parameters());
    for (const auto& [id, level] : request.levels()) {
        keys.insert(expand(switching_key(id, level), key_.parameters()));
    }
    return keys;
}

}  // namespace cipherfit
