// The release as messages, over the directories of the key ceremony.
//
//     first round      the recipient   names the ciphertext and the set T
//     the round after  each of T       attests that it has recomputed this ciphertext
//     the last         each of T       its share, sealed for the recipient
//
// All of T sign the same request before any of them answers, and each answers one request under a
// charter. (For what that leaves to t - 1 colluders see possible_releases().)
#pragma once

#include "cipherfit/parties/ceremony.h"
#include "cipherfit/parties/owner/member_directory.h"
#include "cipherfit/rlwe/multiparty/release.h"
#include "cipherfit/rlwe/owner/multiparty/holder.h"

#include <cstdint>
#include <optional>
#include <span>

namespace cipherfit {

// What the charter, the plan and the rounds before fix.
struct ReleasePlan {
    std::uint32_t first_round = ceremony_rounds;
    Digest previous_root{};
    std::uint32_t recipient = 0;  // a member of that role
    std::size_t gap = 1;
    double sigma = 0;
};

class ReleaseCeremony {
  public:
    // Errors: as MemberDirectory::open(), and bad_input where the plan does not fit the charter.
    static Expected<ReleaseCeremony> open(const std::filesystem::path& private_directory,
                                          const std::filesystem::path& board,
                                          const SignedCharter& charter, std::uint32_t self,
                                          const MemberIdentity& identity, const ReleasePlan& plan);

    // The recipient's: asks T, once. Asking for another set or ciphertext is refused (bad_input).
    Expected<StepReport> request(const Digest& ciphertext, const HolderSet& set);

    // A holder's: `own` is the digest of the ciphertext that it has recomputed; c0 and c1 are that
    // ciphertext. A request for something else is an error (fingerprint_mismatch) and nothing is
    // sent. `point` and `noise_seed` come from the key ceremony.
    Expected<StepReport> answer(const Digest& own, const RnsPoly& c0, const RnsPoly& c1,
                                ReleasePoint point, const Seed& noise_seed);

    // The recipient's: the message, once all shares are there; nothing before, and `report` says
    // what is missing. Errors name the holder.
    Expected<std::optional<RnsPoly>> open_model(const RnsPoly& c0, StepReport& report);

  private:
    ReleaseCeremony(MemberDirectory member, const Parameters& parameters, const ReleasePlan& plan)
        : member_(std::move(member)), parameters_(parameters), plan_(plan) {}
    ReleaseTerms terms() const;
    ReleaseRequest request_of(const Digest& ciphertext, const HolderSet& set) const;
    Expected<ReleaseRequest> read_request(const RoundView& view) const;
    std::vector<MessageSlot> request_slots() const;
    std::vector<MessageSlot> slots_of(PartyMessageKind kind, const HolderSet& set) const;

    MemberDirectory member_;
    Parameters parameters_;
    ReleasePlan plan_;
};

}  // namespace cipherfit
