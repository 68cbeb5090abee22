#include "cipherfit/base/parallel.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

void require_two_parts(const Ciphertext& a) {
    require(a.size() == 2, ErrorCode::invalid_argument,
            "cannot rotate a ciphertext of {} parts: relinearise first", a.size());
}

bool is_whole_turn(std::int64_t steps, const Parameters& parameters) {
    return steps % static_cast<std::int64_t>(parameters.slots()) == 0;
}

KeySwitch automorphism(const EvaluationKeys& keys, const Ciphertext& a, KeyId id) {
    const Parameters& parameters = keys.parameters();
    const std::uint32_t element = galois_element(id, parameters.log_n());
    return {.key = &keys.get(id, a.level()),
            .added = {&a.part(0), nullptr},
            .permutation = &parameters.ring().permutation(element)};
}

KeySwitch rotation(const EvaluationKeys& keys, const Ciphertext& a, std::int64_t steps) {
    return automorphism(keys, a, KeyId::of_rotation(steps, keys.parameters().slots()));
}

}  // namespace

HoistedCiphertext::HoistedCiphertext(const Ciphertext& source,
                                     std::unique_ptr<Decomposition> digits)
    : source_(&source), digits_(std::move(digits)) {}
HoistedCiphertext::~HoistedCiphertext() = default;
HoistedCiphertext::HoistedCiphertext(HoistedCiphertext&&) noexcept = default;
HoistedCiphertext& HoistedCiphertext::operator=(HoistedCiphertext&&) noexcept = default;

Ciphertext Evaluator::switch_degree_two(const Ciphertext& a, bool rescale) const {
    require(a.size() == 3, ErrorCode::invalid_argument,
            "only a product (3 parts) can be relinearised, this has {}", a.size());
    require(!rescale || a.level() > 0, ErrorCode::level_exhausted,
            "cannot rescale at level 0 (scale 2^{:.2f}): plan for more levels",
            std::log2(a.scale()));
    const Ring& ring = parameters().ring();
    const std::size_t level = a.level();
    const SwitchingKey& key = keys_.get(KeyId::relinearization(), level);
    Decomposition digits = raise(ring, a.part(2), level);
    std::vector<RnsPoly> parts =
        switch_key(ring, digits, {.key = &key, .added = {&a.part(0), &a.part(1)}}, rescale);
    const double divisor = rescale ? static_cast<double>(ring.modulus(level).value) : 1.0;
    return {std::move(parts), {rescale ? level - 1 : level, a.scale() / divisor}};
}

Ciphertext Evaluator::relinearize(const Ciphertext& a) const {
    return switch_degree_two(a, false);
}

Ciphertext Evaluator::relinearize_rescale(const Ciphertext& a) const {
    return switch_degree_two(a, true);
}

HoistedCiphertext Evaluator::hoist(const Ciphertext& a) const {
    require_two_parts(a);
    return {a,
            std::make_unique<Decomposition>(decompose(parameters().ring(), a.part(1), a.level()))};
}

Ciphertext Evaluator::rotate(const HoistedCiphertext& a, std::int64_t steps) const {
    const Ciphertext& source = *a.source_;
    if (is_whole_turn(steps, parameters())) {
        return source.copy();
    }
    const Decomposition& digits = *a.digits_;
    return {switch_key(parameters().ring(), digits, rotation(keys_, source, steps)), source.info()};
}

Ciphertext Evaluator::rotate(const Ciphertext& a, std::int64_t steps) const {
    require_two_parts(a);
    if (is_whole_turn(steps, parameters())) {
        return a.copy();
    }
    return switch_once(a, rotation(keys_, a, steps));
}

Ciphertext Evaluator::conjugate(const Ciphertext& a) const {
    require_two_parts(a);
    return switch_once(a, automorphism(keys_, a, KeyId::conjugation()));
}

Ciphertext Evaluator::switch_once(const Ciphertext& a, const KeySwitch& request) const {
    Decomposition digits = raise(parameters().ring(), a.part(1), a.level());
    return {switch_key(parameters().ring(), digits, request), a.info()};
}

Ciphertext Evaluator::sum_of_rotations(const Ciphertext& a,
                                       std::span<const std::int64_t> steps) const {
    require_two_parts(a);
    require(!steps.empty(), ErrorCode::invalid_argument, "a sum of rotations needs a term");
    std::vector<KeySwitch> requests;
    std::size_t whole_turns = 0;
    for (const std::int64_t step : steps) {
        if (is_whole_turn(step, parameters())) {
            ++whole_turns;
        } else {
            requests.push_back(rotation(keys_, a, step));
        }
    }
    if (requests.empty()) {
        return multiply_scalar(a, static_cast<double>(whole_turns), a.scale(), a.level());
    }
    Ciphertext sum = switch_and_sum(a, requests);
    for (; whole_turns > 0; --whole_turns) {
        add_inplace(sum, a);
    }
    return sum;
}

Ciphertext Evaluator::add_automorphisms(const Ciphertext& a, std::span<const KeyId> ids) const {
    require_two_parts(a);
    require(!ids.empty(), ErrorCode::invalid_argument, "a sum of automorphisms needs a key");
    std::vector<KeySwitch> requests;
    requests.reserve(ids.size());
    for (const KeyId id : ids) {
        requests.push_back(automorphism(keys_, a, id));
    }
    Ciphertext sum = switch_and_sum(a, requests);
    add_inplace(sum, a);
    return sum;
}

Ciphertext Evaluator::switch_and_sum(const Ciphertext& a,
                                     std::span<const KeySwitch> requests) const {
    const Ring& ring = parameters().ring();
    const Decomposition digits = decompose(ring, a.part(1), a.level());
    return {switch_keys_and_sum(ring, digits, requests), a.info()};
}

}  // namespace cipherfit
