#include "cipherfit/rlwe/owner/multiparty/holder.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/multiparty/hashing.h"
#include "rlwe/multiparty/lagrange.h"
#include "rlwe/owner/multiparty/derive.h"
#include "rlwe/owner/multiparty/flooding_sampler.h"
#include "rlwe/owner/multiparty/release_parts.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

// x mod q for |x| < 2^126, without a branch on x.
std::uint64_t residue(SignedWide x, const Modulus& q) {
    const auto sign = static_cast<Wide>(x >> 127);  // all ones where x < 0
    const Wide magnitude = (static_cast<Wide>(x) ^ sign) - sign;
    const std::uint64_t reduced = reduce128(high_word(magnitude), low_word(magnitude), q);
    const std::uint64_t negated = q.value - reduced;
    const std::uint64_t mask = low_word(sign);
    // q - 0 must come out as 0.
    const std::uint64_t folded = negated - (q.value & (0 - ((reduced - 1) >> 63U)));
    return (reduced & ~mask) | (folded & mask);
}

}  // namespace

Residues interpolated_share(const Parameters& parameters, const ReleaseRequest& request,
                            const ReleasePoint& point, const RnsPoly& c1) {
    const Ring& ring = parameters.ring();
    Residues share(request.level + 1);
    parallel_for(0, share.size(), [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        const std::uint64_t weight = lagrange_weight(point.point(), request.holders.points(), 0, q);
        RnsPoly product(ring.n(), 1);
        const WipeGuard guard(product);
        kernels().multiply(product.limb(0), point.values().limb(limb), c1.limb(limb), ring.n(), q);
        kernels().multiply_scalar(product.limb(0), product.limb(0), shoup_factor(weight, q),
                                  ring.n(), q);
        ring.inverse(product.limb(0), limb);
        share[limb].reserve(request.coefficients(parameters));  // no copy is left behind
        for (std::size_t i = 0; i < ring.n(); i += request.gap) {
            share[limb].push_back(product.limb(0)[i]);
        }
    });
    return share;
}

void add_flooding(const Parameters& parameters, const ReleaseRequest& request, unsigned point,
                  const Seed& noise_seed, Residues& share) {
    const Digest context =
        FieldHash("cipherfit flooding 1").field(request.digest(parameters)).number(point).finish();
    SecretSampler sampler(derive_seed(noise_seed, "flooding", context).value());
    SecretVector<SignedWide> noise(request.coefficients(parameters));
    FloodingSampler(request.sigma).sample(sampler, noise.span());
    for (std::size_t limb = 0; limb < share.size(); ++limb) {
        const Modulus& q = parameters.ring().modulus(limb);
        for (std::size_t i = 0; i < noise.size(); ++i) {
            share[limb][i] = add_mod(share[limb][i], residue(noise[i], q), q);
        }
    }
}

void add_zero_share(const Parameters& parameters, const ReleaseRequest& request, unsigned point,
                    const std::map<unsigned, Seed>& pair_secrets, Residues& share) {
    SecretVector<std::uint64_t> stream(request.coefficients(parameters));
    for (const unsigned other : request.holders.points()) {
        if (other == point) {
            continue;
        }
        const auto secret = pair_secrets.find(other);
        require(secret != pair_secrets.end(), ErrorCode::invalid_argument,
                "holder {} has no secret in common with holder {} of the same release", point,
                other);
        const Digest context = FieldHash("cipherfit zero sharing 1")
                                   .field(request.digest(parameters))
                                   .number(std::min(point, other))
                                   .number(std::max(point, other))
                                   .finish();
        const SecretSeed seed = derive_seed(secret->second, "zero sharing", context);
        for (std::size_t limb = 0; limb < share.size(); ++limb) {
            const Modulus& q = parameters.ring().modulus(limb);
            expand_secret_uniform(stream.span(), seed.value(), uniform_stream(0, limb), q);
            for (std::size_t i = 0; i < stream.size(); ++i) {
                share[limb][i] = other > point ? add_mod(share[limb][i], stream[i], q)
                                               : subtract_mod(share[limb][i], stream[i], q);
            }
        }
    }
}

Holder::Holder(const Parameters& parameters, const ReleaseTerms& terms, ReleasePoint point,
               const Seed& noise_seed)
    : parameters_(parameters), terms_(terms), point_(std::move(point)), noise_seed_(noise_seed) {
    require(point_.level() == terms.level, ErrorCode::invalid_argument,
            "a point of level {} does not serve a release at level {}", point_.level(),
            terms.level);
}

Holder::~Holder() {
    secure_wipe(noise_seed_.data(), noise_seed_.size());
}

ReleaseShare Holder::release(const ReleaseRequest& request, const RnsPoly& c0, const RnsPoly& c1,
                             const Digest& verified,
                             const std::map<unsigned, Seed>& pair_secrets) const {
    require_terms(request, terms_);
    require_valid(parameters_, request);
    require(request.holders.contains(point()), ErrorCode::invalid_argument,
            "holder {} is not among those that the release asks, {:#b}", point(),
            request.holders.mask());
    const Digest given = ciphertext_digest(parameters_, request.level, c0, c1);
    require(given == verified, ErrorCode::fingerprint_mismatch,
            "the ciphertext to be released is not the one that was verified: whoever asks for its "
            "release has exchanged it");
    require(given == request.ciphertext, ErrorCode::fingerprint_mismatch,
            "the ciphertext given is not the one that the release request names");
    ReleaseShare share{.point = point(),
                       .request = request.digest(parameters_),
                       .residues = interpolated_share(parameters_, request, point_, c1)};
    add_flooding(parameters_, request, point(), noise_seed_, share.residues);
    add_zero_share(parameters_, request, point(), pair_secrets, share.residues);
    return share;
}

RnsPoly combine_release(const Parameters& parameters, const ReleaseRequest& request,
                        const RnsPoly& c0, std::span<const ReleaseShare> shares) {
    require_valid(parameters, request);
    require(c0.n() == parameters.n() && c0.limbs() == request.level + 1,
            ErrorCode::invalid_argument, "a part of {} limbs is not one of level {}", c0.limbs(),
            request.level);
    const Ring& ring = parameters.ring();
    const Digest expected = request.digest(parameters);
    const std::size_t count = request.coefficients(parameters);
    std::uint32_t seen = 0;
    for (const ReleaseShare& share : shares) {
        require(request.holders.contains(share.point) && (seen >> (share.point - 1) & 1U) == 0,
                ErrorCode::corrupt_data,
                "a share of holder {} is not asked for, or comes twice: leave it out", share.point);
        seen |= 1U << (share.point - 1);
        require(share.request == expected, ErrorCode::corrupt_data,
                "the share of holder {} belongs to another release", share.point);
        bool fits = share.residues.size() == request.level + 1;
        for (std::size_t limb = 0; fits && limb <= request.level; ++limb) {
            fits = share.residues[limb].size() == count &&
                   std::all_of(share.residues[limb].begin(), share.residues[limb].end(),
                               [&](std::uint64_t x) { return x < parameters.q(limb); });
        }
        require(fits, ErrorCode::corrupt_data,
                "the share of holder {} has a wrong size or a residue that is not below its prime",
                share.point);
    }
    for (const unsigned point : request.holders.points()) {
        require((seen >> (point - 1) & 1U) != 0, ErrorCode::bad_input,
                "the share of holder {} is missing", point);
    }
    RnsPoly result(ring.n(), request.level + 1, true);
    parallel_for(0, request.level + 1, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(limb);
        RnsPoly constant(ring.n(), 1);
        std::copy(c0.limb(limb), c0.limb(limb) + ring.n(), constant.limb(0));
        ring.inverse(constant.limb(0), limb);
        for (std::size_t i = 0; i < count; ++i) {
            std::uint64_t sum = constant.limb(0)[i * request.gap];
            for (const ReleaseShare& share : shares) {
                sum = add_mod(sum, share.residues[limb][i], q);
            }
            result.limb(limb)[i * request.gap] = sum;
        }
        ring.forward(result.limb(limb), limb);
    });
    return result;
}

}  // namespace cipherfit
