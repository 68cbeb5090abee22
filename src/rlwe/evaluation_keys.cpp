#include "cipherfit/rlwe/evaluation_keys.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <string>
#include <utility>

namespace cipherfit {
namespace {

std::string describe(KeyId id) {
    return id.is_relinearization() ? "relinearisation" : fmt::format("rotation by {}", id.rotation);
}

}  // namespace

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
    require(key.level <= parameters.max_level() && key.b.size() == ring.digits_at(key.level),
            ErrorCode::corrupt_data, "a switching key of {} digits at level {} does not fit",
            key.b.size(), key.level);
    const std::size_t limbs = key.level + 1 + ring.p_count();
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

std::size_t switching_key_memory_bytes(const Parameters& parameters, std::size_t level) {
    return 2 * parameters.digits_at(level) * (level + 1 + parameters.special_primes()) *
           parameters.n() * sizeof(std::uint64_t);
}

std::size_t switching_key_packed_bytes(const Parameters& parameters, std::size_t level) {
    const Ring& ring = parameters.ring();
    std::size_t bits = 0;
    for (std::size_t limb = 0; limb <= level + ring.p_count(); ++limb) {
        bits += ring.modulus(ring.prime_of_limb(limb, level)).bits();
    }
    return parameters.digits_at(level) * bits * (parameters.n() / 8) + sizeof(Seed);
}

void EvaluationKeys::insert(SwitchingKey key) {
    const KeyId id = key.id;
    keys_.insert_or_assign(id, std::move(key));
}

const SwitchingKey& EvaluationKeys::get(KeyId id, std::size_t level) const {
    const auto found = keys_.find(id);
    require(found != keys_.end(), ErrorCode::missing_key,
            "there is no key for the {}: request it before the keys are made", describe(id));
    require(found->second.level >= level, ErrorCode::missing_key,
            "the key for the {} was made for level {}, not {}: request it at that level",
            describe(id), found->second.level, level);
    return found->second;
}

void EvaluationKeys::check(const KeyRequest& request) const {
    for (const auto& [id, level] : request.levels()) {
        static_cast<void>(get(id, level));
    }
}

}  // namespace cipherfit
