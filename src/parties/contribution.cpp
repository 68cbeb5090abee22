#include "cipherfit/parties/contribution.h"

#include "cipherfit/parties/pooled_sums.h"
#include "parties/failed.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <string>
#include <system_error>

namespace cipherfit {
namespace {

// How many numbers a sum has for each of its columns.
enum class PerColumn { none, one, pairs };

struct KnownSum {
    std::string_view name;
    std::size_t round = 0;
    PerColumn numbers = PerColumn::one;
    bool mapped = false;  // named with the number of features
};
constexpr std::array known_sums{KnownSum{sum_rows, 0, PerColumn::none},
                                KnownSum{sum_columns, 1},
                                KnownSum{sum_squares, 1},
                                KnownSum{sum_products, 1, PerColumn::pairs},
                                KnownSum{sum_features, 2, PerColumn::one, true},
                                KnownSum{sum_feature_squares, 2, PerColumn::one, true},
                                KnownSum{sum_feature_products, 2, PerColumn::pairs, true},
                                KnownSum{sum_bound, 3, PerColumn::none}};
constexpr std::size_t rounds_of_sums = 4;

std::size_t numbers_of(const KnownSum& sum, std::size_t columns) {
    switch (sum.numbers) {
        case PerColumn::none:
            return 1;
        case PerColumn::one:
            return columns;
        case PerColumn::pairs:
            break;
    }
    return columns * (columns + 1) / 2;
}

// A name as the charter has it: the sum, and how many features it is of.
struct NamedSum {
    const KnownSum* sum = nullptr;
    std::size_t features = 0;
};
NamedSum named_sum(std::string_view name) {
    const std::size_t colon = name.find(':');
    const auto* const found = std::ranges::find(known_sums, name.substr(0, colon), &KnownSum::name);
    if (found == known_sums.end() || found->mapped != (colon != std::string_view::npos)) {
        return {};
    }
    NamedSum result{.sum = &*found};
    if (found->mapped) {
        const std::string_view digits = name.substr(colon + 1);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), result.features);
        const bool whole = error == std::errc() && end == digits.data() + digits.size();
        // One name for one number.
        if (!whole || result.features < 1 || result.features > most_mapped_features ||
            digits != std::to_string(result.features)) {
            return {};
        }
    }
    return result;
}

// Takes in the sums of a complete round.
Expected<void> add_up(const Charter& charter, const PooledRound& pooled, const RoundView& view,
                      PooledSums& sums) {
    std::map<std::uint32_t, std::vector<std::uint64_t>> masked;
    for (const std::uint32_t member : charter.contributors()) {
        const auto payload =
            view.payload({.kind = PartyMessageKind::masked_sums, .sender = member});
        if (!payload) {
            return failed(payload);
        }
        auto numbers = masked_from_bytes(*payload);
        if (!numbers || numbers->size() != pooled.numbers()) {
            return make_error(
                ErrorCode::corrupt_data, "{} sent masked sums that do not fit the charter: {}",
                charter.describe(member),
                numbers ? fmt::format("{} numbers instead of {}", numbers->size(), pooled.numbers())
                        : numbers.error().message);
        }
        masked[member] = std::move(*numbers);
    }
    const auto added = pooled_sums(charter, masked);
    if (!added) {
        return failed(added);
    }
    auto next = added->begin();
    for (const PooledRound::Sum& sum : pooled.sums) {
        const auto end = next + static_cast<std::ptrdiff_t>(sum.numbers);
        sums[sum.name].assign(next, end);
        next = end;
    }
    const auto rows = sums.find(sum_rows);
    if (rows != sums.end() && rows->second[0] < charter.smallest_rows) {
        return make_error(ErrorCode::bad_input,
                          "the contributors have {} rows in all, and the charter asks for at least "
                          "{}: nothing more is sent under it",
                          rows->second[0], charter.smallest_rows);
    }
    return {};
}

Expected<void> check_uploads(const Charter& charter, const RoundView& commitments,
                             const RoundView& uploads) {
    const Digest id = charter_digest(charter);
    for (const std::uint32_t member : charter.contributors()) {
        const auto committed =
            commitments.payload({.kind = PartyMessageKind::upload_commitment, .sender = member});
        if (!committed) {
            return failed(committed);
        }
        const MessageSlot slot{.kind = PartyMessageKind::upload, .sender = member};
        const Digest shown =
            commit_payload(id, "upload", member, uploads.round.receipts().at(slot).header.payload);
        if (!std::ranges::equal(*committed, shown)) {
            return make_error(ErrorCode::corrupt_data,
                              "{} showed another upload than it committed to: nothing is trained "
                              "on it",
                              charter.describe(member));
        }
    }
    return {};
}

}  // namespace

std::size_t PooledRound::numbers() const {
    return std::accumulate(sums.begin(), sums.end(), std::size_t{0},
                           [](std::size_t n, const Sum& sum) { return n + sum.numbers; });
}

Expected<std::vector<PooledRound>> pooled_rounds(const Charter& charter) {
    const auto& names = charter.published_sums;
    std::map<const KnownSum*, std::size_t> columns;  // of the sums that are named
    for (const std::string& name : names) {
        const NamedSum named = named_sum(name);
        const bool known = named.sum != nullptr;
        if (!known || columns.contains(named.sum)) {
            return make_error(ErrorCode::bad_input,
                              "the charter publishes the sum '{}', which {}: the sums are rows, "
                              "columns, squares, products, features:D, feature_squares:D, "
                              "feature_products:D and bound",
                              name, known ? "it names twice" : "nobody knows how to make");
        }
        columns[named.sum] = named.sum->mapped ? named.features : charter.features.size();
    }
    for (const std::string_view needed : {sum_rows, sum_bound}) {
        if (std::ranges::find(names, needed) == names.end()) {
            return make_error(ErrorCode::bad_input,
                              "the charter does not publish '{}', without which nothing can be "
                              "trained",
                              needed);
        }
    }
    std::vector<PooledRound> rounds(rounds_of_sums);
    for (const KnownSum& sum : known_sums) {
        if (const auto of = columns.find(&sum); of != columns.end()) {
            rounds[sum.round].sums.push_back(
                {.name = std::string(sum.name), .numbers = numbers_of(sum, of->second)});
        }
    }
    std::erase_if(rounds, [](const PooledRound& round) { return round.sums.empty(); });
    return rounds;
}

std::vector<MessageSlot> contribution_slots(const Charter& charter, PartyMessageKind kind) {
    std::vector<MessageSlot> slots;
    for (const std::uint32_t member : charter.contributors()) {
        slots.push_back({.kind = kind, .sender = member});
    }
    return slots;
}

Expected<Contributions> follow_contributions(const Charter& charter, std::uint32_t first,
                                             const Digest& previous_root, const LookAtRound& look) {
    const auto rounds = pooled_rounds(charter);
    if (!rounds) {
        return failed(rounds);
    }
    Contributions result;
    result.next_round = first;
    result.root = previous_root;
    const auto open = [&](PartyMessageKind kind, const PooledRound* pooled) {
        return look({.number = result.next_round,
                     .previous_root = result.root,
                     .kind = kind,
                     .pooled = pooled,
                     .sums = &result.sums,
                     .slots = contribution_slots(charter, kind)});
    };
    const auto close = [&](const RoundView& view) {
        ++result.next_round;
        result.root = view.round.root();
    };
    for (const PooledRound& pooled : *rounds) {
        const auto view = open(PartyMessageKind::masked_sums, &pooled);
        if (!view) {
            return failed(view);
        }
        if (!view->round.complete()) {
            return result;
        }
        if (const auto added = add_up(charter, pooled, *view, result.sums); !added) {
            return failed(added);
        }
        close(*view);
    }
    const auto commitments = open(PartyMessageKind::upload_commitment, nullptr);
    if (!commitments) {
        return failed(commitments);
    }
    if (!commitments->round.complete()) {
        return result;
    }
    close(*commitments);
    auto uploads = open(PartyMessageKind::upload, nullptr);
    if (!uploads) {
        return failed(uploads);
    }
    if (!uploads->round.complete()) {
        return result;
    }
    if (const auto checked = check_uploads(charter, *commitments, *uploads); !checked) {
        return failed(checked);
    }
    close(*uploads);
    result.uploads = std::move(*uploads);
    return result;
}

Expected<std::vector<std::uint8_t>> uploaded_bytes(const RoundView& uploads,
                                                   std::uint32_t contributor) {
    auto payload = uploads.payload({.kind = PartyMessageKind::upload, .sender = contributor});
    if (payload && payload->size() < sizeof(Seed)) {
        return make_error(ErrorCode::corrupt_data, "member {} sent an empty upload", contributor);
    }
    if (payload) {
        payload->erase(payload->begin(), payload->begin() + sizeof(Seed));
    }
    return payload;
}

}  // namespace cipherfit
