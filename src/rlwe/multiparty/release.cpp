#include "cipherfit/rlwe/multiparty/release.h"

#include "rlwe/multiparty/hashing.h"

#include <bit>
#include <cmath>

namespace cipherfit {

Digest ciphertext_digest(const Parameters& parameters, std::size_t level, const RnsPoly& c0,
                         const RnsPoly& c1) {
    FieldHash hash("cipherfit released ciphertext 1");
    hash.field(parameters.fingerprint()).number(level);
    for (const RnsPoly* part : {&c0, &c1}) {
        require(level <= parameters.max_level() && part->n() == parameters.n() &&
                    part->limbs() == level + 1,
                ErrorCode::invalid_argument, "a ciphertext of {} limbs is not one of level {}",
                part->limbs(), level);
        hash.words(part->limb(0), part->n() * part->limbs());
    }
    return hash.finish();
}

Digest ReleaseRequest::digest(const Parameters& parameters) const {
    return FieldHash("cipherfit release request 1")
        .field(parameters.fingerprint())
        .field(charter)
        .field(ciphertext)
        .number(holders.holders())
        .number(holders.mask())
        .number(level)
        .number(gap)
        .number(std::bit_cast<std::uint64_t>(sigma))
        .finish();
}

void require_terms(const ReleaseRequest& request, const ReleaseTerms& terms) {
    require(request.charter == terms.charter, ErrorCode::fingerprint_mismatch,
            "the release request belongs to another charter");
    const auto same = [](const auto& asked, const auto& agreed, const char* what) {
        require(asked == agreed, ErrorCode::fingerprint_mismatch,
                "the release request has {} {}, and {} was agreed on: whoever made it is mistaken "
                "or cheats",
                what, asked, agreed);
    };
    same(request.holders.holders(), terms.holders, "a number of holders of");
    same(request.holders.threshold(), terms.threshold, "a threshold of");
    same(request.level, terms.level, "the level");
    same(request.gap, terms.gap, "the gap");
    same(request.sigma, terms.sigma, "noise of deviation");
}

void require_valid(const Parameters& parameters, const ReleaseRequest& request) {
    require(request.level <= parameters.max_level(), ErrorCode::invalid_argument,
            "a release at level {} is asked for: the highest is {}", request.level,
            parameters.max_level());
    require(std::has_single_bit(request.gap) && request.gap <= parameters.n(),
            ErrorCode::invalid_argument,
            "the gap between released coefficients must be a power of two up to {}, got {}",
            parameters.n(), request.gap);
    const double threshold = request.holders.threshold();
    const double room = parameters.log_q(request.level) - 6;
    require(request.sigma >= 3.2 && request.sigma <= std::exp2(100) &&
                std::log2(request.sigma * threshold) <= room,
            ErrorCode::invalid_argument,
            "noise of deviation {} from each of {} holders does not fit a modulus of 2^{:.1f}: "
            "release at a higher level or with a smaller error",
            request.sigma, threshold, parameters.log_q(request.level));
}

}  // namespace cipherfit
