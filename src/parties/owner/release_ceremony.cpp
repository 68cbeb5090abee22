#include "cipherfit/parties/owner/release_ceremony.h"

#include "cipherfit/parties/attestation.h"
#include "cipherfit/parties/owner/release_record.h"
#include "cipherfit/parties/owner/secret_bytes.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "parties/failed.h"
#include "parties/owner/wipe_bytes.h"

#include <algorithm>
#include <map>
#include <utility>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;

}  // namespace

Expected<ReleaseCeremony> ReleaseCeremony::open(const std::filesystem::path& private_directory,
                                                const std::filesystem::path& board,
                                                const SignedCharter& charter, std::uint32_t self,
                                                const MemberIdentity& identity,
                                                const ReleasePlan& plan) {
    auto member = MemberDirectory::open(private_directory, board, charter, self, identity);
    if (!member) {
        return failed(member);
    }
    auto parameters = Parameters::from_bytes(charter.charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    const auto recipients = charter.charter.recipients();
    if (std::ranges::find(recipients, plan.recipient) == recipients.end()) {
        return make_error(ErrorCode::bad_input, "{} is no recipient of this charter",
                          charter.charter.describe(plan.recipient));
    }
    return ReleaseCeremony(std::move(*member), *parameters, plan);
}

ReleaseTerms ReleaseCeremony::terms() const {
    const Charter& charter = member_.charter();
    return {.charter = member_.charter_id(),
            .holders = static_cast<unsigned>(charter.holders().size()),
            .threshold = charter.threshold,
            .level = charter.release_level,
            .gap = plan_.gap,
            .sigma = plan_.sigma};
}

ReleaseRequest ReleaseCeremony::request_of(const Digest& ciphertext, const HolderSet& set) const {
    return {.charter = member_.charter_id(),
            .ciphertext = ciphertext,
            .holders = set,
            .level = member_.charter().release_level,
            .gap = plan_.gap,
            .sigma = plan_.sigma};
}

std::vector<MessageSlot> ReleaseCeremony::request_slots() const {
    return {{.kind = PartyMessageKind::release_request, .sender = plan_.recipient}};
}

std::vector<MessageSlot> ReleaseCeremony::slots_of(PartyMessageKind kind,
                                                   const HolderSet& set) const {
    const auto holders = member_.charter().holders();
    std::vector<MessageSlot> slots;
    for (const unsigned point : set.points()) {
        slots.push_back(
            {.kind = kind,
             .sender = holders[point - 1],
             .recipient = kind == PartyMessageKind::release_share ? plan_.recipient : to_everyone});
    }
    return slots;
}

Expected<ReleaseRequest> ReleaseCeremony::read_request(const RoundView& view) const {
    const auto payload = view.payload(request_slots()[0]);
    if (!payload) {
        return failed(payload);
    }
    const ReleaseTerms agreed = terms();
    const auto asked = asked_release_from_bytes(*payload, agreed.holders, agreed.threshold);
    if (!asked) {
        return make_error(asked.error().code, "the request of {} cannot be served: {}",
                          member_.charter().describe(plan_.recipient), asked.error().message);
    }
    try {
        ReleaseRequest request = request_of(asked->ciphertext, asked->holders);
        require_valid(parameters_, request);
        return request;
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "the release request of {} cannot be served: {}",
                          member_.charter().describe(plan_.recipient), error.what());
    }
}

Expected<StepReport> ReleaseCeremony::request(const Digest& ciphertext, const HolderSet& set) {
    if (member_.self() != plan_.recipient) {
        return make_error(ErrorCode::bad_input, "{} is not the recipient of this release",
                          member_.charter().describe(member_.self()));
    }
    const ReleaseRequest asked = request_of(ciphertext, set);
    try {
        require_terms(asked, terms());
        require_valid(parameters_, asked);
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
    if (const auto recorded =
            record_release(member_.path("release.request"), asked.digest(parameters_));
        !recorded) {
        return failed(recorded);
    }
    StepReport report;
    const auto view = member_.step(
        plan_.first_round, plan_.previous_root, request_slots(),
        [&](const MessageSlot&) {
            return Expected<Bytes>(
                to_bytes(AskedRelease{.ciphertext = ciphertext, .holders = set}));
        },
        report);
    if (!view) {
        return failed(view);
    }
    return report;
}

Expected<StepReport> ReleaseCeremony::answer(const Digest& own, const RnsPoly& c0,
                                             const RnsPoly& c1, ReleasePoint point,
                                             const Seed& noise_seed) {
    StepReport report;
    const auto first =
        member_.step(plan_.first_round, plan_.previous_root, request_slots(), {}, report);
    if (!first || !first->round.complete()) {
        return first ? Expected<StepReport>(report) : failed(first);
    }
    const auto asked = read_request(*first);
    if (!asked) {
        return failed(asked);
    }
    if (!asked->holders.contains(point.point())) {
        report.done = true;  // others answer
        return report;
    }
    const auto authorized = authorize_release(member_.charter(), asked->ciphertext, own, {});
    if (!authorized) {
        return failed(authorized);
    }
    // One request under this charter, from here on.
    const auto recorded =
        record_release(member_.path("release.answer"), asked->digest(parameters_));
    if (!recorded) {
        return failed(recorded);
    }
    const Digest root = first->round.root();
    const auto attested = member_.step(
        plan_.first_round + 1, root, slots_of(PartyMessageKind::attestation, asked->holders),
        [&](const MessageSlot&) { return Expected<Bytes>(attestation_payload(own)); }, report);
    if (!attested || !attested->round.complete()) {
        return attested ? Expected<StepReport>(report) : failed(attested);
    }
    std::vector<MessageReceipt> receipts;
    for (const auto& [slot, receipt] : attested->round.receipts()) {
        receipts.push_back(receipt);
    }
    if (const auto all = authorize_release(member_.charter(), asked->ciphertext, {}, receipts);
        !all) {
        return failed(all);
    }
    const Digest attested_root = attested->round.root();
    const MessageSlot slot{.kind = PartyMessageKind::release_share,
                           .sender = member_.self(),
                           .recipient = plan_.recipient};
    const auto payload = [&]() -> Expected<Bytes> {
        try {
            const Charter& charter = member_.charter();
            const auto holders = charter.holders();
            std::map<unsigned, Seed> pairs;
            for (const unsigned other : asked->holders.points()) {
                if (other != point.point()) {
                    pairs[other] =
                        member_.identity().pair_secret(charter.members[holders[other - 1]].sealing,
                                                       "zero sharing", member_.charter_id());
                }
            }
            const Holder holder(parameters_, terms(), std::move(point), noise_seed);
            const ReleaseShare share = holder.release(*asked, c0, c1, *authorized, pairs);
            for (auto& [other, secret] : pairs) {
                secure_wipe(secret.data(), secret.size());
            }
            Bytes bytes = to_bytes(parameters_, share);
            const WipeBytes guard(bytes);
            return seal(charter.members[plan_.recipient].sealing,
                        sealing_context(MessagePlace{.charter = member_.charter_id(),
                                                     .round = plan_.first_round + 2,
                                                     .slot = slot,
                                                     .previous_root = attested_root}),
                        bytes);
        } catch (const Error& error) {
            return tl::unexpected<ErrorInfo>(error.info());
        }
    };
    if (const auto posted =
            member_.post(slot, plan_.first_round + 2, attested_root, payload, report);
        !posted) {
        return failed(posted);
    }
    report.done = true;
    return report;
}

Expected<std::optional<RnsPoly>> ReleaseCeremony::open_model(const RnsPoly& c0,
                                                             StepReport& report) {
    const auto first =
        member_.step(plan_.first_round, plan_.previous_root, request_slots(), {}, report);
    if (!first || !first->round.complete()) {
        return first ? Expected<std::optional<RnsPoly>>(std::nullopt) : failed(first);
    }
    const auto asked = read_request(*first);
    if (!asked) {
        return failed(asked);
    }
    const auto attested =
        member_.step(plan_.first_round + 1, first->round.root(),
                     slots_of(PartyMessageKind::attestation, asked->holders), {}, report);
    if (!attested || !attested->round.complete()) {
        return attested ? Expected<std::optional<RnsPoly>>(std::nullopt) : failed(attested);
    }
    const auto slots = slots_of(PartyMessageKind::release_share, asked->holders);
    const auto last =
        member_.step(plan_.first_round + 2, attested->round.root(), slots, {}, report);
    if (!last || !last->round.complete()) {
        return last ? Expected<std::optional<RnsPoly>>(std::nullopt) : failed(last);
    }
    std::vector<ReleaseShare> shares;
    for (const MessageSlot& slot : slots) {
        const auto useless = [&](const ErrorInfo& error) {
            return make_error(ErrorCode::corrupt_data, "{} cannot be used: {}",
                              describe(member_.charter(), slot), error.message);
        };
        const auto sealed = last->payload(slot);
        if (!sealed) {
            return useless(sealed.error());
        }
        auto opened = member_.identity().open(
            sealing_context(last->round.receipts().at(slot).header), *sealed);
        if (!opened) {
            return useless(opened.error());
        }
        const WipeBytes guard(*opened);
        auto share = release_share_from_bytes(parameters_, *asked, *opened);
        if (!share) {
            return useless(share.error());
        }
        if (member_.charter().holders()[share->point - 1] != slot.sender) {
            return useless({ErrorCode::corrupt_data, "it is another holder's"});
        }
        shares.push_back(std::move(*share));
    }
    report.done = true;
    try {
        return std::optional(combine_release(parameters_, *asked, c0, shares));
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

}  // namespace cipherfit
