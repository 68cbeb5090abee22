#include "cipherfit/parties/owner/contributor.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/mask_sums.h"
#include "cipherfit/parties/pooled_sums.h"
#include "parties/failed.h"

#include <algorithm>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;

// 32 random bytes and what is uploaded: made once and kept, since the commitment is to these bytes.
Expected<Bytes> upload_payload(const MemberDirectory& member, const ContributorWork& work,
                               const PooledSums& sums) {
    if (!member.has("upload")) {
        const auto content = work.upload(sums);
        if (!content) {
            return failed(content);
        }
        const Seed opening = random_seed();
        Bytes payload(opening.begin(), opening.end());
        payload.insert(payload.end(), content->begin(), content->end());
        if (const auto kept = member.keep("upload", payload); !kept) {
            return failed(kept);
        }
    }
    return read_file(member.path("upload"), largest_payload(PartyMessageKind::upload));
}

Expected<Bytes> payload_of(const MemberDirectory& member, const ContributionRound& round,
                           const ContributorWork& work) {
    if (round.kind == PartyMessageKind::masked_sums) {
        const auto numbers = work.numbers(*round.pooled, *round.sums);
        if (!numbers) {
            return failed(numbers);
        }
        if (numbers->size() != round.pooled->numbers()) {
            return make_error(ErrorCode::internal, "{} numbers were made for {} sums",
                              numbers->size(), round.pooled->numbers());
        }
        return masked_to_bytes(
            mask_sums(member.charter(), member.self(), member.identity(), round.number, *numbers));
    }
    auto payload = upload_payload(member, work, *round.sums);
    if (!payload || round.kind == PartyMessageKind::upload) {
        return payload;
    }
    const Digest committed =
        commit_payload(member.charter_id(), "upload", member.self(), sha256(*payload));
    return Bytes(committed.begin(), committed.end());
}

}  // namespace

Expected<Contributions> step_contributions(const MemberDirectory& member, std::uint32_t first_round,
                                           const Digest& previous_root, const ContributorWork* work,
                                           StepReport& report) {
    report.done = false;
    const auto contributors = member.charter().contributors();
    const bool contributes = std::ranges::find(contributors, member.self()) != contributors.end();
    auto result = follow_contributions(
        member.charter(), first_round, previous_root, [&](const ContributionRound& round) {
            MemberDirectory::PayloadOf payload;
            if (contributes && work != nullptr) {
                payload = [&](const MessageSlot&) { return payload_of(member, round, *work); };
            }
            return member.step(round.number, round.previous_root, round.slots, payload, report);
        });
    if (result && result->complete()) {
        report.done = true;
    }
    return result;
}

}  // namespace cipherfit
