#include "cipherfit/rlwe/evaluation_keys.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <string>
#include <utility>

namespace cipherfit {
std::string KeyId::describe() const {
    if (is_relinearization()) {
        return "relinearisation";
    }
    if (is_conjugation()) {
        return "conjugation";
    }
    if (is_encapsulation()) {
        return *this == sparse_release() ? "release from the sparse secret"
                                         : "encapsulation under the sparse secret";
    }
    return fmt::format("rotation by {}", code);
}

KeyId KeyId::of_rotation(std::int64_t steps, std::size_t slots) {
    const auto count = static_cast<std::int64_t>(slots);
    const std::int64_t left = ((steps % count) + count) % count;
    require(left != 0, ErrorCode::invalid_argument,
            "a rotation by {} of {} slots moves nothing and has no key", steps, slots);
    return {static_cast<std::uint32_t>(left)};
}

std::uint32_t galois_element(std::uint32_t steps, unsigned log_n) noexcept {
    const std::uint64_t mask = (std::uint64_t{2} << log_n) - 1;
    std::uint64_t result = 1;
    std::uint64_t power = 5;
    for (; steps != 0; steps >>= 1U) {
        if ((steps & 1U) != 0) {
            result = (result * power) & mask;
        }
        power = (power * power) & mask;
    }
    return static_cast<std::uint32_t>(result);
}

std::uint32_t galois_element(KeyId id, unsigned log_n) noexcept {
    return id.is_conjugation() ? (2U << log_n) - 1 : galois_element(id.code, log_n);
}

KeyShape key_shape(const Parameters& parameters, KeyId id, std::size_t level) {
    const bool encapsulation = id == KeyId::sparse_encapsulation();
    require(level <= (encapsulation ? 0 : parameters.max_level()), ErrorCode::invalid_argument,
            "the key for the {} cannot be made for level {}: the highest is {}", id.describe(),
            level, encapsulation ? 0 : parameters.max_level());
    if (encapsulation) {
        return {.digits = 1, .q_limbs = 1, .p_limbs = 1};
    }
    const bool release = id == KeyId::sparse_release();
    return {.digits = release ? 1 : parameters.digits_at(level),
            .q_limbs = level + 1,
            .p_limbs = parameters.special_primes()};
}

void KeyRequest::rotation(std::int64_t steps, std::size_t slots, std::size_t level) {
    add(KeyId::of_rotation(steps, slots), level);
}

void KeyRequest::add(KeyId id, std::size_t level) {
    std::size_t& highest = levels_[id];
    highest = std::max(highest, level);
}

void KeyRequest::merge(const KeyRequest& other) {
    for (const auto& [id, level] : other.levels_) {
        add(id, level);
    }
}

SwitchingKey expand(SeededSwitchingKey key, const Parameters& parameters) {
    const Ring& ring = parameters.ring();
    const bool small = key.id == KeyId::sparse_encapsulation();
    require(key.level <= (small ? 0 : parameters.max_level()), ErrorCode::corrupt_data,
            "a switching key of level {} does not fit", key.level);
    const KeyShape shape = key_shape(parameters, key.id, key.level);
    require(key.b.size() == shape.digits, ErrorCode::corrupt_data,
            "a switching key of {} digits at level {} does not fit", key.b.size(), key.level);
    const std::size_t limbs = shape.limbs();
    for (const RnsPoly& b : key.b) {
        require(b.n() == ring.n() && b.limbs() == limbs, ErrorCode::corrupt_data,
                "a switching key's digit of {} limbs at level {} does not fit", b.limbs(),
                key.level);
    }
    SwitchingKey result{.id = key.id, .level = key.level, .b = std::move(key.b), .a = {}};
    for (std::size_t digit = 0; digit < result.b.size(); ++digit) {
        result.a.emplace_back(ring.n(), limbs);
    }
    parallel_for(0, result.a.size() * limbs, [&](std::size_t task) {
        const std::size_t digit = task / limbs;
        const std::size_t limb = task % limbs;
        const std::size_t prime = ring.prime_of_limb(limb, key.level);
        expand_uniform(result.a[digit].limb(limb), ring.n(), key.seed, uniform_stream(digit, prime),
                       ring.modulus(prime));
    });
    return result;
}

std::size_t switching_key_memory_bytes(const Parameters& parameters, std::size_t level, KeyId id) {
    const KeyShape shape = key_shape(parameters, id, level);
    return 2 * shape.digits * shape.limbs() * parameters.n() * sizeof(std::uint64_t);
}

std::size_t switching_key_packed_bytes(const Parameters& parameters, std::size_t level, KeyId id) {
    const Ring& ring = parameters.ring();
    const KeyShape shape = key_shape(parameters, id, level);
    std::size_t bits = 0;
    for (std::size_t limb = 0; limb < shape.limbs(); ++limb) {
        bits += ring.modulus(ring.prime_of_limb(limb, level)).bits();
    }
    return shape.digits * bits * (parameters.n() / 8) + sizeof(Seed);
}

void EvaluationKeys::insert(SwitchingKey key) {
    const KeyId id = key.id;
    keys_.insert_or_assign(id, std::move(key));
}

const SwitchingKey& EvaluationKeys::get(KeyId id, std::size_t level) const {
    const auto found = keys_.find(id);
    require(found != keys_.end(), ErrorCode::missing_key,
            "there is no key for the {}: request it before the keys are made", id.describe());
    require(found->second.level >= level, ErrorCode::missing_key,
            "the key for the {} was made for level {}, not {}: request it at that level",
            id.describe(), found->second.level, level);
    return found->second;
}

void EvaluationKeys::check(const KeyRequest& request) const {
    for (const auto& [id, level] : request.levels()) {
        static_cast<void>(get(id, level));
    }
}

}  // namespace cipherfit
