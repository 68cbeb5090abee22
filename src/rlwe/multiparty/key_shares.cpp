#include "cipherfit/rlwe/multiparty/key_shares.h"

#include "cipherfit/base/parallel.h"
#include "rlwe/multiparty/hashing.h"
#include "rlwe/ring.h"
#include "rlwe/uniform.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

std::string describe(const KeyShare& share) {
    return share.kind == ShareKind::switching_key
               ? fmt::format("share of the key for the {}", share.id.describe())
               : fmt::format("share of the {}", name(share.kind));
}

void require_kind(const KeyShare& share, ShareKind kind) {
    require(share.kind == kind, ErrorCode::invalid_argument,
            "a {} cannot be made from a sum of the {}", name(kind), name(share.kind));
}

bool same_residues(const KeyShare& a, const KeyShare& b) {
    return std::equal(a.polys.begin(), a.polys.end(), b.polys.begin(), b.polys.end(),
                      [](const RnsPoly& x, const RnsPoly& y) {
                          return x.n() == y.n() && x.limbs() == y.limbs() &&
                                 std::equal(x.limb(0), x.limb(0) + x.n() * x.limbs(), y.limb(0));
                      });
}

void require_fit(const Parameters& parameters, const KeyShare& share) {
    const ShareShape shape = share_shape(parameters, share.kind, share.id, share.level);
    const bool fits = share.polys.size() == shape.polys &&
                      std::all_of(share.polys.begin(), share.polys.end(), [&](const RnsPoly& poly) {
                          return poly.n() == parameters.n() && poly.limbs() == shape.limbs();
                      });
    require(fits, ErrorCode::invalid_argument, "a {} at level {} needs {} polynomials of {} limbs",
            describe(share), share.level, shape.polys, shape.limbs());
}

std::vector<RnsPoly> uniform_polys(const Parameters& parameters, const Seed& common,
                                   const KeyShare& share) {
    const Ring& ring = parameters.ring();
    const std::size_t limbs = share.polys[0].limbs();
    const Seed seed = uniform_seed(common, share.kind, share.id, share.level);
    std::vector<RnsPoly> result;
    result.reserve(share.polys.size());
    for (std::size_t digit = 0; digit < share.polys.size(); ++digit) {
        result.emplace_back(ring.n(), limbs);
    }
    parallel_for(0, result.size() * limbs, [&](std::size_t task) {
        const std::size_t digit = task / limbs;
        const std::size_t limb = task % limbs;
        const std::size_t prime = ring.prime_of_limb(limb, share.level);
        expand_uniform(result[digit].limb(limb), ring.n(), seed, uniform_stream(digit, prime),
                       ring.modulus(prime));
    });
    return result;
}

}  // namespace

ShareShape share_shape(const Parameters& parameters, ShareKind kind, KeyId id, std::size_t level) {
    require(level <= parameters.max_level(), ErrorCode::invalid_argument,
            "a share for level {} does not fit: the highest is {}", level, parameters.max_level());
    const bool switching = kind == ShareKind::switching_key;
    const bool rotation =
        id.is_conjugation() || (!id.is_relinearization() && id.code < parameters.slots());
    require(switching ? rotation : id.is_relinearization(), ErrorCode::invalid_argument,
            "the {} cannot be made as a {} from shares", id.describe(), name(kind));
    if (kind == ShareKind::public_key) {
        require(level == parameters.max_level(), ErrorCode::invalid_argument,
                "the joint public key is made for the highest level, {}, not {}",
                parameters.max_level(), level);
        return {.polys = 1, .q_limbs = level + 1, .p_limbs = 1};
    }
    const std::size_t digits = parameters.digits_at(level);
    return {.polys = kind == ShareKind::relinearization_one ? 2 * digits : digits,
            .q_limbs = level + 1,
            .p_limbs = parameters.special_primes()};
}

Expected<void> check_share(const Parameters& parameters, const KeyShare& share) {
    try {
        require_fit(parameters, share);
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "{}", error.what());
    }
    const Ring& ring = parameters.ring();
    for (const RnsPoly& poly : share.polys) {
        for (std::size_t limb = 0; limb < poly.limbs(); ++limb) {
            const std::uint64_t q = ring.modulus(ring.prime_of_limb(limb, share.level)).value;
            const bool below = std::all_of(poly.limb(limb), poly.limb(limb) + poly.n(),
                                           [q](std::uint64_t value) { return value < q; });
            if (!below) {
                return make_error(ErrorCode::corrupt_data,
                                  "the {} holds a residue that is not below its prime {}: ask for "
                                  "it again",
                                  describe(share), q);
            }
        }
    }
    return {};
}

Digest digest(const Parameters& parameters, const KeyShare& share) {
    FieldHash hash("cipherfit key share 1");
    hash.field(parameters.fingerprint())
        .number(static_cast<std::uint64_t>(share.kind))
        .number(share.id.code)
        .number(share.level)
        .number(share.polys.size());
    for (const RnsPoly& poly : share.polys) {
        hash.number(poly.limbs()).words(poly.limb(0), poly.n() * poly.limbs());
    }
    return hash.finish();
}

KeyShare sum_shares(const Parameters& parameters, std::span<const KeyShare> shares) {
    require(!shares.empty(), ErrorCode::invalid_argument, "there are no shares to add up");
    const KeyShare& first = shares[0];
    for (const KeyShare& share : shares) {
        require_fit(parameters, share);
        require(share.kind == first.kind && share.id == first.id && share.level == first.level,
                ErrorCode::invalid_argument, "a {} at level {} and a {} at level {} do not add up",
                describe(first), first.level, describe(share), share.level);
    }
    const Ring& ring = parameters.ring();
    KeyShare result{.kind = first.kind, .id = first.id, .level = first.level, .polys = {}};
    for (const RnsPoly& poly : first.polys) {
        result.polys.push_back(poly.copy());
    }
    const std::size_t limbs = result.polys[0].limbs();
    parallel_for(0, result.polys.size() * limbs, [&](std::size_t task) {
        const std::size_t limb = task % limbs;
        std::uint64_t* sum = result.polys[task / limbs].limb(limb);
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, first.level));
        for (const KeyShare& share : shares.subspan(1)) {
            kernels().add(sum, sum, share.polys[task / limbs].limb(limb), ring.n(), q);
        }
    });
    return result;
}

Expected<void> verify_sum(const Parameters& parameters, std::span<const KeyShare> shares,
                          const KeyShare& claimed) {
    const KeyShare sum = sum_shares(parameters, shares);
    if (sum.kind != claimed.kind || sum.id != claimed.id || sum.level != claimed.level ||
        !same_residues(sum, claimed)) {
        return make_error(ErrorCode::corrupt_data,
                          "the sum given for the {} is not that of the {} signed shares: whoever "
                          "added them up made an error or cheats",
                          describe(sum), shares.size());
    }
    return {};
}

JointPublicKey joint_public_key(const Parameters& parameters, const Seed& common, KeyShare sum) {
    require_kind(sum, ShareKind::public_key);
    require_fit(parameters, sum);
    std::vector<RnsPoly> a = uniform_polys(parameters, common, sum);
    return {parameters, std::move(sum.polys[0]), std::move(a[0])};
}

SwitchingKey joint_switching_key(const Parameters& parameters, const Seed& common, KeyShare sum) {
    require_kind(sum, ShareKind::switching_key);
    require_fit(parameters, sum);
    std::vector<RnsPoly> a = uniform_polys(parameters, common, sum);
    return {.id = sum.id, .level = sum.level, .b = std::move(sum.polys), .a = std::move(a)};
}

SwitchingKey joint_relinearization_key(const Parameters& parameters, KeyShare sum_one,
                                       KeyShare sum_two) {
    require_kind(sum_one, ShareKind::relinearization_one);
    require_kind(sum_two, ShareKind::relinearization_two);
    require_fit(parameters, sum_one);
    require_fit(parameters, sum_two);
    require(sum_one.level == sum_two.level, ErrorCode::invalid_argument,
            "the two rounds of a relinearisation key must be of one level, not {} and {}",
            sum_one.level, sum_two.level);
    const auto half = sum_one.polys.begin() + static_cast<std::ptrdiff_t>(sum_two.polys.size());
    std::vector<RnsPoly> a(std::make_move_iterator(half),
                           std::make_move_iterator(sum_one.polys.end()));
    return {.id = KeyId::relinearization(),
            .level = sum_two.level,
            .b = std::move(sum_two.polys),
            .a = std::move(a)};
}

}  // namespace cipherfit
