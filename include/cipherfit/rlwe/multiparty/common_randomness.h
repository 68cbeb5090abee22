// Randomness that several parties agree on, and commitments.
//
// Nobody may choose the uniform halves of joint keys. Each member commits to 32 bytes, then all
// reveal them, and the hash of all is the common seed. One honest member is enough for a uniform
// seed, because a commitment fixes a contribution before any other can be seen. (A member can still
// refuse to reveal: then there is no seed, and the others name it and start afresh without it.)
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace cipherfit {

// What a commitment is about. Every one of them enters the hash, so that no commitment can be used
// for another purpose, charter, or sender.
struct CommitmentContext {
    Digest charter{};
    std::string_view purpose;  // such as "common randomness"
    std::uint32_t sender = 0;
};

// SHA-256 of the context, the 32 random bytes that hide the value, and the value.
Digest commit(const CommitmentContext& context, const Seed& opening,
              std::span<const std::uint8_t> value);

// Whether the commitment is one to this value. The error (corrupt_data) names sender and purpose.
Expected<void> check_commitment(const CommitmentContext& context, const Digest& commitment,
                                const Seed& opening, std::span<const std::uint8_t> value);

// One member's part of the common seed: the opening hides the contribution until it is revealed.
struct RandomnessReveal {
    Seed opening{};
    Seed contribution{};
};

Digest commit_randomness(const Digest& charter, std::uint32_t member,
                         const RandomnessReveal& reveal);

// The common seed of members 0..n-1, in this order. An error (corrupt_data) names the first member
// whose reveal does not fit its commitment; bad_input where the numbers differ or there is none.
Expected<Seed> common_seed(const Digest& charter, std::span<const Digest> commitments,
                           std::span<const RandomnessReveal> reveals);

// Which joint key a share belongs to.
enum class ShareKind : std::uint8_t {
    public_key = 1,
    switching_key = 2,  // of a rotation or of conjugation
    relinearization_one = 3,
    relinearization_two = 4,
};

std::string_view name(ShareKind kind) noexcept;

// The public seed that the uniform polynomials of one key expand from, different for every kind,
// key and level. (Relinearisation has one uniform polynomial a digit, in its first round.)
Seed uniform_seed(const Seed& common, ShareKind kind, KeyId id, std::size_t level);

}  // namespace cipherfit
