// The charter: one file that every member signs before anything else happens. Its digest is bound
// into every message, commitment and secret. One charter, one key, one release.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/parties/public_keys.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

struct CharterMember {
    std::string name;
    IdentityKey identity;
    SealingKey sealing;
    bool contributor = false;
    bool holder = false;
    bool dealer = false;  // t of the holders
    bool recipient = false;
    friend bool operator==(const CharterMember&, const CharterMember&) = default;
};

struct Charter {
    std::string title;
    Seed nonce{};  // random, so that no two charters have one digest
    std::vector<CharterMember> members;
    std::uint32_t threshold = 0;           // t
    std::vector<std::uint8_t> parameters;  // Parameters::to_bytes()
    std::vector<std::string> features;     // the columns that everybody contributes, in order
    std::vector<std::string> classes;
    std::string extractor;      // how features are made, as text that the members agree on
    std::string preprocessing;  // and how they are scaled
    std::string recipe;         // iterations, lambda and what else training needs
    std::vector<std::string> published_sums;  // each sum that pooling publishes, by name
    std::uint64_t smallest_rows = 0;          // fewer rows in all: no training
    std::uint32_t smallest_contributors = 0;  // fewer contributors: nothing is pooled
    double kappa = 0;                         // bits of flooding (rlwe/multiparty/flooding.h)
    std::uint32_t releases = 0;               // 1
    std::uint32_t release_level = 0;          // the points' level
    friend bool operator==(const Charter&, const Charter&) = default;

    // Indices of the members with a role, in order. Holder j (a point of 1..k) is holders()[j - 1].
    std::vector<std::uint32_t> holders() const;
    std::vector<std::uint32_t> dealers() const;
    std::vector<std::uint32_t> contributors() const;
    std::vector<std::uint32_t> recipients() const;
    // The point of a member that is a holder.
    std::optional<unsigned> point_of(std::uint32_t member) const;
    // "member 2 (Clinic North)": for messages. Any number is allowed.
    std::string describe(std::uint32_t member) const;
};

inline constexpr std::size_t most_members = 256;
inline constexpr std::size_t largest_charter_bytes = std::size_t{16} << 20U;

// Canonical: equal charters and only those have equal bytes.
std::vector<std::uint8_t> to_bytes(const Charter& charter);
// What to_bytes() wrote, checked by check_charter(). Untrusted bytes: never throws.
Expected<Charter> charter_from_bytes(std::span<const std::uint8_t> bytes);
Digest charter_digest(const Charter& charter);

// The rules of a charter, in one line each where one is broken (bad_input): different names and
// keys; 1 to 8 holders; t dealers, all of them holders; a recipient; at least two contributors, and
// a smallest number of them that is 2 or more and not above; parameters that can be made, with the
// release level among them; at least 30 bits of flooding and one release.
Expected<void> check_charter(const Charter& charter);

// A charter with the signatures of its members, by index; empty where one has not signed.
struct SignedCharter {
    Charter charter;
    std::vector<std::optional<Signature>> signatures;

    explicit SignedCharter(Charter text)
        : charter(std::move(text)), signatures(charter.members.size()) {}
    // Adds a signature after verifying it; an error names the member.
    Expected<void> add(std::uint32_t member, const Signature& signature);
    std::vector<std::uint32_t> unsigned_members() const;
};

// What a member signs: the purpose of verify_signature(), with the charter's digest as content.
inline constexpr std::string_view charter_purpose = "charter";

std::vector<std::uint8_t> to_bytes(const SignedCharter& charter);
// All signatures present are verified. Untrusted bytes: never throws.
Expected<SignedCharter> signed_charter_from_bytes(std::span<const std::uint8_t> bytes);

}  // namespace cipherfit
