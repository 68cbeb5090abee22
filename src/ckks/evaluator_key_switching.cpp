#include "cipherfit/base/parallel.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <cmath>
#include <utility>

namespace cipherfit {

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
    RaisedPair pair = inner_product(ring, decompose(ring, a.part(2), level), key);
    std::vector<RnsPoly> parts(2);
    for (std::size_t part = 0; part < 2; ++part) {
        add_lifted(ring, pair.parts[part], a.part(part), level);
        parts[part] = mod_down(ring, std::move(pair.parts[part]), level, rescale);
    }
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
    require(a.size() == 2, ErrorCode::invalid_argument,
            "cannot rotate a ciphertext of {} parts: relinearise first", a.size());
    return {a,
            std::make_unique<Decomposition>(decompose(parameters().ring(), a.part(1), a.level()))};
}

Ciphertext Evaluator::rotate(const HoistedCiphertext& a, std::int64_t steps) const {
    const Ciphertext& source = *a.source_;
    const auto slots = static_cast<std::int64_t>(parameters().slots());
    if (steps % slots == 0) {
        return source.copy();
    }
    const Ring& ring = parameters().ring();
    const std::size_t level = source.level();
    const KeyId id = KeyId::of_rotation(steps, parameters().slots());
    const SwitchingKey& key = keys_.get(id, level);
    RaisedPair pair = inner_product(ring, *a.digits_, key);
    add_lifted(ring, pair.parts[0], source.part(0), level);
    const Permutation& permutation =
        ring.permutation(galois_element(id.rotation, parameters().log_n()));
    std::vector<RnsPoly> parts;
    for (RnsPoly& raised : pair.parts) {
        const RnsPoly switched = mod_down(ring, std::move(raised), level, false);
        RnsPoly part(ring.n(), level + 1);
        parallel_for(0, level + 1, [&](std::size_t limb) {
            kernels().permute(part.limb(limb), switched.limb(limb), permutation.data(), ring.n());
        });
        parts.push_back(std::move(part));
    }
    return {std::move(parts), source.info()};
}

Ciphertext Evaluator::rotate(const Ciphertext& a, std::int64_t steps) const {
    if (steps % static_cast<std::int64_t>(parameters().slots()) == 0) {
        return a.copy();
    }
    return rotate(hoist(a), steps);
}

}  // namespace cipherfit
