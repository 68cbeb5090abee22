// A dealer: it makes one summand of the joint secret, its shares of all joint keys, and the
// holders' points, and then forgets the summand.
//
// Everything that a dealer draws comes from one secret seed by HMAC-SHA-256, for one purpose each,
// bound to the charter, to the common randomness and, in the second round of relinearisation, to
// the sums that the share is computed on. The same request therefore gives the same bytes, however
// often the program is stopped and run again: noise cannot be averaged away, since common
// randomness fixes all else. Other sums give other, independent noise.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/multiparty/holders.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// A holder's point f(j) modulo the release primes q_0..q_level, of one dealer's polynomial or of
// their sum. Secret: fewer than t of them say nothing, t of them are the key. Move-only; wiped.
class ReleasePoint {
  public:
    // `values`: NTT values of level + 1 limbs. Throws Error(corrupt_data) for a shape or a residue
    // that does not fit; Error(invalid_argument) for a point outside 1..8.
    ReleasePoint(const Parameters& parameters, unsigned point, std::size_t level, RnsPoly values);
    ~ReleasePoint() { values_.wipe(); }
    ReleasePoint(ReleasePoint&&) noexcept = default;
    ReleasePoint& operator=(ReleasePoint&& other) noexcept;
    ReleasePoint(const ReleasePoint&) = delete;
    ReleasePoint& operator=(const ReleasePoint&) = delete;

    // The sum of all dealers' points for one holder. Throws Error(invalid_argument) where they are
    // of different holders or levels, or where there are none.
    static ReleasePoint sum(const Parameters& parameters, std::span<const ReleasePoint> points);

    unsigned point() const noexcept { return point_; }
    std::size_t level() const noexcept { return level_; }
    const RnsPoly& values() const noexcept { return values_; }

  private:
    unsigned point_ = 0;
    std::size_t level_ = 0;
    RnsPoly values_;
};

// The summand s_i and all that depends on it. Move-only; wiped when it goes.
class Dealer {
  public:
    // A fresh summand from the system's CSPRNG.
    static Dealer generate(const Parameters& parameters, const Digest& charter);
    // From a stored seed, which is as secret as the summand.
    static Dealer from_seed(const Parameters& parameters, const Digest& charter, const Seed& seed);
    ~Dealer();
    Dealer(Dealer&&) noexcept = default;
    Dealer& operator=(Dealer&&) = delete;
    Dealer(const Dealer&) = delete;
    Dealer& operator=(const Dealer&) = delete;

    const Parameters& parameters() const noexcept { return summand_.parameters(); }
    const Digest& charter() const noexcept { return charter_; }
    // To be stored, as privately as a key, until the joint keys stand.
    const Seed& seed() const noexcept { return seed_; }
    const SecretKey& summand() const noexcept { return summand_; }

    // The shares of key_shares.h. `common` is the seed of all members' randomness.
    KeyShare public_key_share(const Seed& common) const;
    KeyShare switching_key_share(const Seed& common, KeyId id, std::size_t level) const;
    KeyShare relinearization_one(const Seed& common, std::size_t level) const;
    // Takes the signed shares of round 1 rather than their sum, and adds them up itself: on a false
    // sum, such as h0 = 2^30 and h1 = 0, the share would show s_i. One of them must be this
    // dealer's own; throws Error(corrupt_data) where it is not among them.
    KeyShare relinearization_two(const Seed& common, std::span<const KeyShare> round_one) const;

    // Points 1..holders of s_i + r_1 x + ... + r_{t-1} x^{t-1}, the r's uniform, modulo
    // q_0..q_level only: nothing above the level of the release can be opened with them. The same
    // for every call with the same arguments; throws Error(invalid_argument) as
    // require_threshold() and for a level above the parameters'.
    std::vector<ReleasePoint> release_points(unsigned holders, unsigned threshold,
                                             std::size_t level) const;

  private:
    Dealer(const Parameters& parameters, const Digest& charter, const Seed& seed);
    Digest charter_{};
    Seed seed_{};
    SecretKey summand_;
};

}  // namespace cipherfit
