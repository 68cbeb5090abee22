#include "cipherfit/rlwe/owner/multiparty/dealer.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/multiparty/hashing.h"
#include "rlwe/owner/multiparty/derive.h"
#include "rlwe/owner/multiparty/round_two.h"
#include "rlwe/owner/sampling.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

SecretKey ternary_key(const Parameters& parameters, const Seed& seed) {
    SecretVector<std::int8_t> coefficients(parameters.n());
    SecretSampler(seed).ternary(coefficients.span());
    return SecretKey::from_coefficients(parameters, coefficients.span(), {});
}

Digest charter_context(const Digest& charter) {
    return FieldHash("cipherfit dealer 1").field(charter).finish();
}

// A fresh error polynomial, NTT values modulo Q_level P.
RnsPoly error_poly(SecretSampler& sampler, const Ring& ring, std::size_t limbs, std::size_t level) {
    SecretVector<std::int8_t> error(ring.n());
    sampler.gaussian(error.span());
    return small_to_ntt(ring, error.span(), limbs, level);
}

KeyShare empty_share(ShareKind kind, KeyId id, std::size_t level) {
    return {.kind = kind, .id = id, .level = level, .polys = {}};
}

// f^-1, or nullptr where the key is not one of an automorphism.
const Permutation* inverse_automorphism(const Parameters& parameters, KeyId id) {
    if (id.is_relinearization()) {
        return nullptr;
    }
    const auto steps = static_cast<std::uint32_t>(parameters.slots()) - id.code;
    const KeyId inverse = id.is_conjugation() ? id : KeyId{steps};
    return &parameters.ring().permutation(galois_element(inverse, parameters.log_n()));
}

// What the secrets of one share are bound to.
Digest share_context(const Dealer& dealer, const Seed& common, const KeyShare& share) {
    return FieldHash("cipherfit dealer share 1")
        .field(dealer.charter())
        .field(dealer.parameters().fingerprint())
        .field(common)
        .number(static_cast<std::uint64_t>(share.kind))
        .number(share.id.code)
        .number(share.level)
        .finish();
}

// The parts of one digit of a share.
struct DigitShare {
    const Parameters& parameters;
    std::size_t level;
    std::size_t digit;
    const Seed& uniform;

    // share += sign * a_digit * secret, where secret is given limb by limb modulo Q_level P.
    void multiply_uniform(RnsPoly& share, const RnsPoly& secret, bool subtract) const {
        const Ring& ring = parameters.ring();
        parallel_for(0, share.limbs(), [&](std::size_t limb) {
            const std::size_t prime = ring.prime_of_limb(limb, level);
            const Modulus& q = ring.modulus(prime);
            RnsPoly work(ring.n(), 1);
            const WipeGuard guard(work);
            expand_uniform(work.limb(0), ring.n(), uniform, uniform_stream(digit, prime), q);
            kernels().multiply(work.limb(0), work.limb(0), secret.limb(limb), ring.n(), q);
            const auto operation = subtract ? kernels().subtract : kernels().add;
            operation(share.limb(limb), share.limb(limb), work.limb(0), ring.n(), q);
        });
    }
    // share += P g_digit secret.
    void add_gadget(RnsPoly& share, const RnsPoly& secret) const {
        const Ring& ring = parameters.ring();
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), level + 1);
        for (std::size_t limb = first; limb < last; ++limb) {
            kernels().multiply_scalar_add(share.limb(limb), secret.limb(limb), ring.p_mod(limb),
                                          ring.n(), ring.modulus(limb));
        }
    }
};

// The limbs of Q_level P of a secret that is stored modulo all primes.
RnsPoly limbs_at(const Ring& ring, const RnsPoly& all, std::size_t limbs, std::size_t level) {
    RnsPoly result(ring.n(), limbs);
    for (std::size_t limb = 0; limb < limbs; ++limb) {
        const std::uint64_t* from = all.limb(ring.prime_of_limb(limb, level));
        std::copy(from, from + ring.n(), result.limb(limb));
    }
    return result;
}

}  // namespace

Dealer::Dealer(const Parameters& parameters, const Digest& charter, const Seed& seed)
    : charter_(charter),
      seed_(seed),
      summand_(ternary_key(parameters,
                           derive_seed(seed, "summand", charter_context(charter)).value())) {}

Dealer Dealer::generate(const Parameters& parameters, const Digest& charter) {
    Seed seed{};
    random_secret_bytes(seed);
    Dealer result(parameters, charter, seed);
    secure_wipe(seed.data(), seed.size());
    return result;
}

Dealer Dealer::from_seed(const Parameters& parameters, const Digest& charter, const Seed& seed) {
    return {parameters, charter, seed};
}

Dealer::~Dealer() {
    secure_wipe(seed_.data(), seed_.size());
}

KeyShare Dealer::public_key_share(const Seed& common) const {
    KeyShare share = empty_share(ShareKind::public_key, {}, parameters().max_level());
    const Ring& ring = parameters().ring();
    const std::size_t limbs = share_shape(parameters(), share.kind, share.id, share.level).limbs();
    SecretSampler errors(derive_seed(seed_, "errors", share_context(*this, common, share)).value());
    RnsPoly secret = limbs_at(ring, summand_.ntt(), limbs, share.level);
    const WipeGuard guard(secret);
    RnsPoly b = error_poly(errors, ring, limbs, share.level);
    const Seed uniform = uniform_seed(common, share.kind, share.id, share.level);
    DigitShare{parameters(), share.level, 0, uniform}.multiply_uniform(b, secret, true);
    share.polys.push_back(std::move(b));
    return share;
}

KeyShare Dealer::switching_key_share(const Seed& common, KeyId id, std::size_t level) const {
    KeyShare share = empty_share(ShareKind::switching_key, id, level);
    const Ring& ring = parameters().ring();
    const ShareShape shape = share_shape(parameters(), share.kind, id, level);
    SecretSampler errors(derive_seed(seed_, "errors", share_context(*this, common, share)).value());
    RnsPoly secret = limbs_at(ring, summand_.ntt(), shape.limbs(), level);
    const WipeGuard guard(secret);
    RnsPoly rotated(ring.n(), shape.limbs());
    const WipeGuard rotated_guard(rotated);
    const Permutation* inverse = inverse_automorphism(parameters(), id);
    for (std::size_t limb = 0; limb < shape.limbs(); ++limb) {
        kernels().permute(rotated.limb(limb), secret.limb(limb), inverse->data(), ring.n());
    }
    const Seed uniform = uniform_seed(common, share.kind, id, level);
    for (std::size_t digit = 0; digit < shape.polys; ++digit) {
        const DigitShare part{parameters(), level, digit, uniform};
        RnsPoly b = error_poly(errors, ring, shape.limbs(), level);
        part.multiply_uniform(b, rotated, true);
        part.add_gadget(b, secret);
        share.polys.push_back(std::move(b));
    }
    return share;
}

namespace {

// u_i, the dealer's secret between the two rounds.
RnsPoly ephemeral(const Parameters& parameters, const Seed& seed, const Digest& context,
                  std::size_t limbs, std::size_t level) {
    SecretVector<std::int8_t> coefficients(parameters.n());
    SecretSampler(derive_seed(seed, "ephemeral", context).value()).ternary(coefficients.span());
    return small_to_ntt(parameters.ring(), coefficients.span(), limbs, level);
}

}  // namespace

KeyShare Dealer::relinearization_one(const Seed& common, std::size_t level) const {
    KeyShare share = empty_share(ShareKind::relinearization_one, {}, level);
    const Ring& ring = parameters().ring();
    const ShareShape shape = share_shape(parameters(), share.kind, {}, level);
    const Digest bound = share_context(*this, common, share);
    SecretSampler errors(derive_seed(seed_, "errors", bound).value());
    RnsPoly secret = limbs_at(ring, summand_.ntt(), shape.limbs(), level);
    const WipeGuard guard(secret);
    RnsPoly u = ephemeral(parameters(), seed_, bound, shape.limbs(), level);
    const WipeGuard u_guard(u);
    const Seed uniform = uniform_seed(common, share.kind, {}, level);
    const std::size_t digits = shape.polys / 2;
    for (std::size_t digit = 0; digit < digits; ++digit) {
        const DigitShare part{parameters(), level, digit, uniform};
        RnsPoly h0 = error_poly(errors, ring, shape.limbs(), level);
        part.multiply_uniform(h0, u, true);
        part.add_gadget(h0, secret);
        share.polys.push_back(std::move(h0));
    }
    for (std::size_t digit = 0; digit < digits; ++digit) {
        const DigitShare part{parameters(), level, digit, uniform};
        RnsPoly h1 = error_poly(errors, ring, shape.limbs(), level);
        part.multiply_uniform(h1, secret, false);
        share.polys.push_back(std::move(h1));
    }
    return share;
}

KeyShare Dealer::relinearization_two(const Seed& common,
                                     std::span<const KeyShare> round_one) const {
    const KeyShare sum = sum_shares(parameters(), round_one);
    require(sum.kind == ShareKind::relinearization_one, ErrorCode::invalid_argument,
            "the second round of a relinearisation key needs the shares of the first, not the {}",
            name(sum.kind));
    const Digest own = digest(parameters(), relinearization_one(common, sum.level));
    const bool among = std::any_of(round_one.begin(), round_one.end(), [&](const KeyShare& share) {
        return digest(parameters(), share) == own;
    });
    require(among, ErrorCode::corrupt_data,
            "this dealer's own share is not among the {} of round 1: somebody changed or left out "
            "what was sent",
            round_one.size());
    return relinearization_two_from_sum(*this, common, sum);
}

KeyShare relinearization_two_from_sum(const Dealer& dealer, const Seed& common,
                                      const KeyShare& sum) {
    const Parameters& parameters = dealer.parameters();
    const Ring& ring = parameters.ring();
    const std::size_t level = sum.level;
    const ShareShape shape = share_shape(parameters, ShareKind::relinearization_two, {}, level);
    KeyShare share = empty_share(ShareKind::relinearization_two, {}, level);
    const Digest round_one =
        share_context(dealer, common, empty_share(ShareKind::relinearization_one, {}, level));
    // The noise depends on what the share is computed on: two different sums must never meet the
    // same noise, whose difference would be exact.
    const Digest noise_context = FieldHash("cipherfit round two noise 1")
                                     .field(share_context(dealer, common, share))
                                     .field(digest(parameters, sum))
                                     .finish();
    SecretSampler errors(derive_seed(dealer.seed(), "errors", noise_context).value());
    RnsPoly secret = limbs_at(ring, dealer.summand().ntt(), shape.limbs(), level);
    const WipeGuard guard(secret);
    // u - s
    RnsPoly difference = ephemeral(parameters, dealer.seed(), round_one, shape.limbs(), level);
    const WipeGuard difference_guard(difference);
    for (std::size_t limb = 0; limb < shape.limbs(); ++limb) {
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level));
        kernels().subtract(difference.limb(limb), difference.limb(limb), secret.limb(limb),
                           ring.n(), q);
    }
    for (std::size_t digit = 0; digit < shape.polys; ++digit) {
        RnsPoly h = error_poly(errors, ring, shape.limbs(), level);
        RnsPoly second = error_poly(errors, ring, shape.limbs(), level);
        const WipeGuard second_guard(second);
        parallel_for(0, shape.limbs(), [&](std::size_t limb) {
            const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level));
            std::uint64_t* out = h.limb(limb);
            std::uint64_t* work = second.limb(limb);
            kernels().add(out, out, work, ring.n(), q);
            kernels().multiply(work, secret.limb(limb), sum.polys[digit].limb(limb), ring.n(), q);
            kernels().add(out, out, work, ring.n(), q);
            kernels().multiply(work, difference.limb(limb),
                               sum.polys[shape.polys + digit].limb(limb), ring.n(), q);
            kernels().add(out, out, work, ring.n(), q);
        });
        share.polys.push_back(std::move(h));
    }
    return share;
}

}  // namespace cipherfit
