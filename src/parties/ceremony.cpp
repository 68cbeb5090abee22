#include "cipherfit/parties/ceremony.h"

#include "cipherfit/parties/share_bytes.h"
#include "parties/failed.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace cipherfit {
namespace {

tl::unexpected<ErrorInfo> wrong(const Charter& charter, std::uint32_t member,
                                const std::string& why) {
    return make_error(ErrorCode::corrupt_data, "{} {}", charter.describe(member), why);
}

std::optional<Seed> seed_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
    if (bytes.size() < offset + sizeof(Seed)) {
        return {};
    }
    Seed seed{};
    std::ranges::copy(bytes.subspan(offset, sizeof(Seed)), seed.begin());
    return seed;
}

MessageSlot from(PartyMessageKind kind, std::uint32_t sender) {
    return {.kind = kind, .sender = sender};
}

}  // namespace

std::vector<MessageSlot> ceremony_slots(const Charter& charter, std::uint32_t round) {
    require(round < ceremony_rounds, ErrorCode::invalid_argument,
            "the keys are made in rounds 0 to {}, and {} is none", ceremony_rounds - 1, round);
    std::vector<MessageSlot> slots;
    const auto all = [&](PartyMessageKind kind, const std::vector<std::uint32_t>& senders) {
        for (const std::uint32_t sender : senders) {
            slots.push_back(from(kind, sender));
        }
    };
    std::vector<std::uint32_t> everyone(charter.members.size());
    for (std::uint32_t i = 0; i < everyone.size(); ++i) {
        everyone[i] = i;
    }
    switch (round) {
        case 0:
            all(PartyMessageKind::randomness_commitment, everyone);
            break;
        case 1:
            all(PartyMessageKind::randomness_reveal, everyone);
            break;
        case 2:
            all(PartyMessageKind::key_commitment, charter.dealers());
            break;
        case 3:
            all(PartyMessageKind::key_shares, charter.dealers());
            for (const std::uint32_t dealer : charter.dealers()) {
                for (const std::uint32_t holder : charter.holders()) {
                    slots.push_back({.kind = PartyMessageKind::release_points,
                                     .sender = dealer,
                                     .recipient = holder});
                }
            }
            break;
        case 4:
            all(PartyMessageKind::round_two_shares, charter.dealers());
            break;
        default:
            all(PartyMessageKind::points_received, charter.holders());
    }
    return slots;
}

Expected<Seed> ceremony_seed(const Charter& charter, const RoundView& commitments,
                             const RoundView& reveals) {
    std::vector<Digest> committed;
    std::vector<RandomnessReveal> revealed;
    for (std::uint32_t member = 0; member < charter.members.size(); ++member) {
        const auto commitment =
            commitments.payload(from(PartyMessageKind::randomness_commitment, member));
        const auto reveal = reveals.payload(from(PartyMessageKind::randomness_reveal, member));
        if (!commitment || !reveal) {
            return failed(commitment ? reveal : commitment);
        }
        const auto digest = seed_at(*commitment, 0);
        const auto opening = seed_at(*reveal, 0);
        const auto contribution = seed_at(*reveal, sizeof(Seed));
        if (!digest || !opening || !contribution || commitment->size() != sizeof(Seed) ||
            reveal->size() != 2 * sizeof(Seed)) {
            return wrong(charter, member, "sent randomness of a wrong size");
        }
        committed.push_back(*digest);
        revealed.push_back({.opening = *opening, .contribution = *contribution});
    }
    return common_seed(charter_digest(charter), committed, revealed);
}

Digest commit_key_shares(const Charter& charter, std::uint32_t dealer, const Digest& payload) {
    return commit_payload(charter_digest(charter), "key shares", dealer, payload);
}

std::vector<AskedShare> asked_shares(const Parameters& parameters, const KeyRequest& request) {
    std::vector<AskedShare> asked{{.kind = ShareKind::public_key,
                                   .id = KeyId::relinearization(),
                                   .level = parameters.max_level()}};
    for (const auto& [id, level] : request.levels()) {
        asked.push_back({.kind = id.is_relinearization() ? ShareKind::relinearization_one
                                                         : ShareKind::switching_key,
                         .id = id,
                         .level = level});
    }
    return asked;
}

Expected<void> check_shown(const Charter& charter, const RoundView& commitments,
                           const RoundView& shown) {
    for (const std::uint32_t dealer : charter.dealers()) {
        const Digest committed = commit_key_shares(
            charter, dealer,
            shown.round.receipts().at(from(PartyMessageKind::key_shares, dealer)).header.payload);
        const auto payload = commitments.payload(from(PartyMessageKind::key_commitment, dealer));
        if (!payload) {
            return failed(payload);
        }
        if (!std::ranges::equal(*payload, committed)) {
            return wrong(charter, dealer,
                         "showed other key shares than it committed to: no key is made of them");
        }
    }
    return {};
}

Expected<std::vector<KeyShare>> shown_shares(const Charter& charter, const Parameters& parameters,
                                             const KeyRequest& request, const RoundView& shown,
                                             std::uint32_t dealer, std::size_t most) {
    const auto payload = shown.payload(from(PartyMessageKind::key_shares, dealer));
    if (!payload) {
        return failed(payload);
    }
    if (payload->size() < sizeof(Seed)) {
        return wrong(charter, dealer, "showed key shares without an opening");
    }
    auto shares =
        key_shares_from_bytes(parameters, std::span(*payload).subspan(sizeof(Seed)), most);
    if (!shares) {
        return wrong(charter, dealer, "showed damaged key shares: " + shares.error().message);
    }
    std::vector<AskedShare> asked = asked_shares(parameters, request);
    asked.resize(std::min(asked.size(), most));
    const bool as_asked =
        std::ranges::equal(*shares, asked, [](const KeyShare& share, const AskedShare& wanted) {
            return share.kind == wanted.kind && share.id == wanted.id &&
                   share.level == wanted.level;
        });
    if (!as_asked) {
        return wrong(charter, dealer, "showed shares of other keys than the plan needs");
    }
    return shares;
}

namespace {

// Adds a dealer's shares, one to each of the sums; the first dealer's are the sums.
void add_to(const Parameters& parameters, std::vector<KeyShare>& sums,
            std::vector<KeyShare> shares) {
    if (sums.empty()) {
        sums = std::move(shares);
        return;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
        std::vector<KeyShare> pair;
        pair.push_back(std::move(sums[i]));
        pair.push_back(std::move(shares[i]));
        sums[i] = sum_shares(parameters, pair);
    }
}

// The sums of the dealers' first shares of round 3, at most so many.
Expected<std::vector<KeyShare>> sums_of(const Charter& charter, const Parameters& parameters,
                                        const KeyRequest& request, const RoundView& shown,
                                        std::size_t most) {
    std::vector<KeyShare> sums;
    for (const std::uint32_t dealer : charter.dealers()) {
        auto shares = shown_shares(charter, parameters, request, shown, dealer, most);
        if (!shares) {
            return failed(shares);
        }
        add_to(parameters, sums, std::move(*shares));
    }
    return sums;
}

// The sum of round 2's shares of relinearisation; nothing where it is not asked for.
Expected<std::vector<KeyShare>> second_sum(const Charter& charter, const Parameters& parameters,
                                           const RoundView& view, const KeyRequest& request) {
    const auto asked = request.levels().find(KeyId::relinearization());
    const bool any = asked != request.levels().end();
    std::vector<KeyShare> sums;
    for (const std::uint32_t dealer : charter.dealers()) {
        const auto payload = view.payload(from(PartyMessageKind::round_two_shares, dealer));
        if (!payload) {
            return failed(payload);
        }
        auto shares = key_shares_from_bytes(parameters, *payload);
        const bool fits = shares && shares->size() == (any ? 1U : 0U) &&
                          (!any || ((*shares)[0].kind == ShareKind::relinearization_two &&
                                    (*shares)[0].level == asked->second));
        if (!fits) {
            return wrong(charter, dealer, "sent round-2 shares that do not fit the plan");
        }
        add_to(parameters, sums, std::move(*shares));
    }
    return sums;
}

}  // namespace

Expected<KeyRounds> key_rounds(const Charter& charter, const Board& board) {
    KeyRounds result;
    for (std::uint32_t number = 0; number + 1 < ceremony_rounds; ++number) {
        result.views.push_back(
            view_round(charter, number, result.root, ceremony_slots(charter, number), board));
        const RoundView& view = result.views.back();
        if (!view.round.complete()) {
            const std::string why =
                view.problems.empty()
                    ? fmt::format("{} is missing", describe(charter, view.round.missing()[0]))
                    : view.problems[0];
            return make_error(ErrorCode::bad_input, "round {} is not complete: {}", number, why);
        }
        result.root = view.round.root();
    }
    const auto common = ceremony_seed(charter, result.views[0], result.views[1]);
    if (!common) {
        return failed(common);
    }
    result.common = *common;
    if (const auto checked = check_shown(charter, result.views[2], result.views[3]); !checked) {
        return failed(checked);
    }
    return result;
}

Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const Board& board) {
    const auto rounds = key_rounds(charter, board);
    return rounds ? joint_keys(charter, request, *rounds) : failed(rounds);
}

Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const KeyRounds& rounds) {
    const auto parameters = Parameters::from_bytes(charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    auto sums = sums_of(charter, *parameters, request, rounds.views[3], 4096);
    if (!sums) {
        return failed(sums);
    }
    auto second = second_sum(charter, *parameters, rounds.views[4], request);
    if (!second) {
        return failed(second);
    }
    JointKeys keys{
        .public_key = joint_public_key(*parameters, rounds.common, std::move((*sums)[0])),
        .evaluation_keys = EvaluationKeys(*parameters)};
    for (std::size_t i = 1; i < sums->size(); ++i) {
        KeyShare& sum = (*sums)[i];
        keys.evaluation_keys.insert(
            sum.kind == ShareKind::switching_key
                ? joint_switching_key(*parameters, rounds.common, std::move(sum))
                : joint_relinearization_key(*parameters, std::move(sum), std::move((*second)[0])));
    }
    return keys;
}

Expected<JointPublicKey> joint_public_key(const Charter& charter, const Board& board) {
    const auto parameters = Parameters::from_bytes(charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    const auto rounds = key_rounds(charter, board);
    if (!rounds) {
        return failed(rounds);
    }
    auto sums = sums_of(charter, *parameters, {}, rounds->views[3], 1);
    if (!sums) {
        return failed(sums);
    }
    return joint_public_key(*parameters, rounds->common, std::move((*sums)[0]));
}

}  // namespace cipherfit
