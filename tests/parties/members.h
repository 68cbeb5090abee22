// A charter of a few members, with their private keys.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/parties/owner/identity.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "support/rings.h"

#include <array>
#include <string>
#include <vector>

namespace cipherfit::test {

// Always the same keys for the same number.
inline MemberIdentity identity_of(std::uint8_t number) {
    std::array<std::uint8_t, MemberIdentity::secret_bytes> secret{};
    secret.fill(number);
    secret[0] = 7;
    return MemberIdentity::from_secret(secret);
}

struct Members {
    // `count` members, all contributors and holders; the first t deal, the last receives.
    explicit Members(unsigned count, unsigned threshold, std::uint8_t number = 1) {
        charter.title = "four clinics";
        charter.nonce.fill(number);
        charter.threshold = threshold;
        charter.parameters = small_ring(6, 2, 40, 2).to_bytes();
        charter.features = {"age", "bias"};
        charter.classes = {"no", "yes"};
        charter.extractor = "none";
        charter.preprocessing = "standardised by the published sums";
        charter.recipe = R"({"iterations": 8})";
        charter.published_sums = {"rows", "sum of age"};
        charter.smallest_rows = 10;
        charter.smallest_contributors = 2;
        charter.kappa = 30;
        charter.releases = 1;
        charter.release_level = 1;
        for (unsigned i = 0; i < count; ++i) {
            identities.push_back(identity_of(static_cast<std::uint8_t>(i + 1)));
            charter.members.push_back({.name = "Clinic " + std::to_string(i),
                                       .identity = identities[i].identity_key(),
                                       .sealing = identities[i].sealing_key(),
                                       .contributor = true,
                                       .holder = true,
                                       .dealer = i < threshold,
                                       .recipient = i + 1 == count});
        }
    }
    Message message(std::uint32_t sender, PartyMessageKind kind, std::uint32_t round,
                    const Digest& previous_root, std::vector<std::uint8_t> payload,
                    std::uint32_t recipient = to_everyone) const {
        return sign_message(identities[sender],
                            {.charter = charter_digest(charter),
                             .round = round,
                             .slot = {.kind = kind, .sender = sender, .recipient = recipient},
                             .previous_root = previous_root},
                            std::move(payload));
    }

    Charter charter;
    std::vector<MemberIdentity> identities;
};

}  // namespace cipherfit::test
