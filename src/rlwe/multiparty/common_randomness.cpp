#include "cipherfit/rlwe/multiparty/common_randomness.h"

#include "rlwe/multiparty/hashing.h"

#include <array>

namespace cipherfit {

Digest commit(const CommitmentContext& context, const Seed& opening,
              std::span<const std::uint8_t> value) {
    return FieldHash("cipherfit commitment 1")
        .field(context.charter)
        .field(context.purpose)
        .number(context.sender)
        .field(opening)
        .field(value)
        .finish();
}

Expected<void> check_commitment(const CommitmentContext& context, const Digest& commitment,
                                const Seed& opening, std::span<const std::uint8_t> value) {
    if (commit(context, opening, value) != commitment) {
        return make_error(
            ErrorCode::corrupt_data,
            "member {} committed to another {} than it shows: ask it for the one that "
            "it committed to, or leave it out under a new charter",
            context.sender, context.purpose);
    }
    return {};
}

namespace {

CommitmentContext randomness_context(const Digest& charter, std::uint32_t member) {
    return {.charter = charter, .purpose = "common randomness", .sender = member};
}

}  // namespace

Digest commit_randomness(const Digest& charter, std::uint32_t member,
                         const RandomnessReveal& reveal) {
    return commit(randomness_context(charter, member), reveal.opening, reveal.contribution);
}

Expected<Seed> common_seed(const Digest& charter, std::span<const Digest> commitments,
                           std::span<const RandomnessReveal> reveals) {
    if (commitments.empty() || commitments.size() != reveals.size()) {
        return make_error(ErrorCode::bad_input,
                          "the common randomness needs one reveal a commitment, got {} for {}",
                          reveals.size(), commitments.size());
    }
    FieldHash hash("cipherfit common randomness 1");
    hash.field(charter).number(reveals.size());
    for (std::size_t i = 0; i < reveals.size(); ++i) {
        const auto member = static_cast<std::uint32_t>(i);
        const auto checked = check_commitment(randomness_context(charter, member), commitments[i],
                                              reveals[i].opening, reveals[i].contribution);
        if (!checked) {
            return tl::unexpected<ErrorInfo>(checked.error());
        }
        hash.field(reveals[i].contribution);
    }
    return hash.finish();
}

std::string_view name(ShareKind kind) noexcept {
    switch (kind) {
        case ShareKind::public_key:
            return "public key";
        case ShareKind::switching_key:
            return "switching key";
        case ShareKind::relinearization_one:
            return "relinearisation key, round 1";
        case ShareKind::relinearization_two:
            return "relinearisation key, round 2";
    }
    return "unknown";
}

Seed uniform_seed(const Seed& common, ShareKind kind, KeyId id, std::size_t level) {
    return FieldHash("cipherfit uniform halves 1")
        .field(common)
        .number(static_cast<std::uint64_t>(kind))
        .number(id.code)
        .number(level)
        .finish();
}

}  // namespace cipherfit
