#include "cipherfit/parties/ceremony.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/share_bytes.h"
#include "parties/failed.h"
#include "rlwe/multiparty/hashing.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t envelope_bytes = 4096;  // more than a header and a signature take

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

std::string Board::file_name(std::uint32_t round, const MessageSlot& slot) {
    const std::string recipient =
        slot.recipient == to_everyone ? "all" : fmt::format("{:03}", slot.recipient);
    return fmt::format("{:02}-{:02}-{:03}-{}.msg", round, static_cast<std::uint32_t>(slot.kind),
                       slot.sender, recipient);
}

Expected<std::optional<std::vector<std::uint8_t>>> Board::get(std::uint32_t round,
                                                              const MessageSlot& slot) const {
    const std::filesystem::path path = directory_ / file_name(round, slot);
    std::error_code none;
    if (!std::filesystem::exists(path, none)) {
        return std::optional<std::vector<std::uint8_t>>();
    }
    auto bytes = read_file(path, envelope_bytes + largest_payload(slot.kind));
    if (!bytes) {
        return failed(bytes);
    }
    return std::optional(std::move(*bytes));
}

Expected<void> Board::put(std::uint32_t round, const MessageSlot& slot,
                          std::span<const std::uint8_t> bytes) const {
    return write_file(directory_ / file_name(round, slot), bytes);
}

RoundView view_round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
                     const std::vector<MessageSlot>& expected, const Board& board) {
    RoundView view{
        .round = Round(charter, number, previous_root, expected), .payloads = {}, .problems = {}};
    for (const MessageSlot& slot : expected) {
        const auto refuse = [&](const ErrorInfo& error) {
            view.problems.push_back(
                fmt::format("{}: {}", Board::file_name(number, slot), error.message));
        };
        const auto bytes = board.get(number, slot);
        if (!bytes) {
            refuse(bytes.error());
            continue;
        }
        if (!*bytes) {
            continue;
        }
        auto message = message_from_bytes(**bytes);
        if (!message) {
            refuse(message.error());
            continue;
        }
        if (message->receipt.header.slot != slot) {
            refuse({ErrorCode::corrupt_data,
                    fmt::format("it holds {}", describe(charter, message->receipt.header.slot))});
            continue;
        }
        if (const auto taken = view.round.accept(message->receipt); !taken) {
            refuse(taken.error());
            continue;
        }
        view.payloads[slot] = std::move(message->payload);
    }
    return view;
}

Expected<Seed> ceremony_seed(const Charter& charter, const RoundView& commitments,
                             const RoundView& reveals) {
    std::vector<Digest> committed;
    std::vector<RandomnessReveal> revealed;
    for (std::uint32_t member = 0; member < charter.members.size(); ++member) {
        const auto& commitment =
            commitments.payloads.at(from(PartyMessageKind::randomness_commitment, member));
        const auto& reveal = reveals.payloads.at(from(PartyMessageKind::randomness_reveal, member));
        const auto digest = seed_at(commitment, 0);
        const auto opening = seed_at(reveal, 0);
        const auto contribution = seed_at(reveal, sizeof(Seed));
        if (!digest || !opening || !contribution || commitment.size() != sizeof(Seed) ||
            reveal.size() != 2 * sizeof(Seed)) {
            return wrong(charter, member, "sent randomness of a wrong size");
        }
        committed.push_back(*digest);
        revealed.push_back({.opening = *opening, .contribution = *contribution});
    }
    return common_seed(charter_digest(charter), committed, revealed);
}

Digest commit_key_shares(const Charter& charter, std::uint32_t dealer, const Seed& opening,
                         const Parameters& parameters, std::span<const KeyShare> shares) {
    FieldHash value("cipherfit committed key shares 1");
    for (const KeyShare& share : shares) {
        value.field(digest(parameters, share));
    }
    return commit({.charter = charter_digest(charter), .purpose = "key shares", .sender = dealer},
                  opening, value.finish());
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

Expected<std::vector<std::vector<KeyShare>>> shown_shares(const Charter& charter,
                                                          const Parameters& parameters,
                                                          const KeyRequest& request,
                                                          const RoundView& commitments,
                                                          const RoundView& shown) {
    const std::vector<AskedShare> asked = asked_shares(parameters, request);
    std::vector<std::vector<KeyShare>> result;
    for (const std::uint32_t dealer : charter.dealers()) {
        const auto& payload = shown.payloads.at(from(PartyMessageKind::key_shares, dealer));
        const auto opening = seed_at(payload, 0);
        if (!opening) {
            return wrong(charter, dealer, "showed key shares without an opening");
        }
        auto shares = key_shares_from_bytes(parameters, std::span(payload).subspan(sizeof(Seed)));
        if (!shares) {
            return wrong(charter, dealer, "showed damaged key shares: " + shares.error().message);
        }
        const bool as_asked =
            std::ranges::equal(*shares, asked, [](const KeyShare& share, const AskedShare& wanted) {
                return share.kind == wanted.kind && share.id == wanted.id &&
                       share.level == wanted.level;
            });
        if (!as_asked) {
            return wrong(charter, dealer, "showed shares of other keys than the plan needs");
        }
        const Digest committed = commit_key_shares(charter, dealer, *opening, parameters, *shares);
        if (!std::ranges::equal(
                commitments.payloads.at(from(PartyMessageKind::key_commitment, dealer)),
                committed)) {
            return wrong(charter, dealer,
                         "showed other key shares than it committed to: no key is made of them");
        }
        result.push_back(std::move(*shares));
    }
    return result;
}

namespace {

// The shares number `index` of all dealers, added up.
KeyShare sum_of(const Parameters& parameters, std::vector<std::vector<KeyShare>>& shares,
                std::size_t index) {
    std::vector<KeyShare> column;
    for (auto& list : shares) {
        column.push_back(std::move(list[index]));
    }
    return sum_shares(parameters, column);
}

Expected<std::vector<std::vector<KeyShare>>> second_shares(const Charter& charter,
                                                           const Parameters& parameters,
                                                           const RoundView& view,
                                                           const KeyRequest& request) {
    const auto asked = request.levels().find(KeyId::relinearization());
    const bool any = asked != request.levels().end();
    std::vector<std::vector<KeyShare>> result;
    for (const std::uint32_t dealer : charter.dealers()) {
        auto shares = key_shares_from_bytes(
            parameters, view.payloads.at(from(PartyMessageKind::round_two_shares, dealer)));
        const bool fits = shares && shares->size() == (any ? 1U : 0U) &&
                          (!any || ((*shares)[0].kind == ShareKind::relinearization_two &&
                                    (*shares)[0].level == asked->second));
        if (!fits) {
            return wrong(charter, dealer, "sent round-2 shares that do not fit the plan");
        }
        result.push_back(std::move(*shares));
    }
    return result;
}

}  // namespace

Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const Board& board) {
    auto parameters = Parameters::from_bytes(charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    std::vector<RoundView> views;
    Digest root{};
    for (std::uint32_t number = 0; number + 1 < ceremony_rounds; ++number) {
        views.push_back(view_round(charter, number, root, ceremony_slots(charter, number), board));
        const RoundView& view = views.back();
        if (!view.round.complete()) {
            const std::string why =
                view.problems.empty()
                    ? fmt::format("{} is missing", describe(charter, view.round.missing()[0]))
                    : view.problems[0];
            return make_error(ErrorCode::bad_input, "round {} is not complete: {}", number, why);
        }
        root = view.round.root();
    }
    const auto common = ceremony_seed(charter, views[0], views[1]);
    if (!common) {
        return failed(common);
    }
    auto shares = shown_shares(charter, *parameters, request, views[2], views[3]);
    if (!shares) {
        return failed(shares);
    }
    auto second = second_shares(charter, *parameters, views[4], request);
    if (!second) {
        return failed(second);
    }
    JointKeys keys{
        .public_key = joint_public_key(*parameters, *common, sum_of(*parameters, *shares, 0)),
        .evaluation_keys = EvaluationKeys(*parameters)};
    const auto asked = asked_shares(*parameters, request);
    for (std::size_t i = 1; i < asked.size(); ++i) {
        KeyShare sum = sum_of(*parameters, *shares, i);
        keys.evaluation_keys.insert(
            asked[i].kind == ShareKind::switching_key
                ? joint_switching_key(*parameters, *common, std::move(sum))
                : joint_relinearization_key(*parameters, std::move(sum),
                                            sum_of(*parameters, *second, 0)));
    }
    return keys;
}

}  // namespace cipherfit
