// What contributors send, as rounds after those of the keys (ceremony.h):
//
//     sums, round 0   every contributor   the number of rows, masked
//     sums, round 1   every contributor   sums over its rows' columns, masked
//     sums, round 2   every contributor   sums over its rows' features, which the charter's public
//                                         map makes of the columns, masked
//     sums, round 3   every contributor   what bounds its statistics' eigenvalues, masked
//     commitments     every contributor   commits to its upload
//     uploads         every contributor   shows it
//
// Rounds of sums that the charter names none of are left out.
// Masked numbers are uniform one by one and exact in their sum (pooled_sums.h). The charter names
// the sums; nothing else is added up. All uploads are committed to before any is shown, so that
// nobody can send a multiple of another's.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/board.h"
#include "cipherfit/parties/charter.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Names of sums in a charter, and how many numbers each has for f columns.
inline constexpr std::string_view sum_rows = "rows";          // 1
inline constexpr std::string_view sum_columns = "columns";    // f: sums of the columns
inline constexpr std::string_view sum_squares = "squares";    // f: sums of their squares
inline constexpr std::string_view sum_products = "products";  // f (f + 1) / 2: of their products
inline constexpr std::string_view sum_bound = "bound";        // 1
// The same of the D features of a public map, which a charter names with their number:
// "features:D".
inline constexpr std::string_view sum_features = "features";
inline constexpr std::string_view sum_feature_squares = "feature_squares";
inline constexpr std::string_view sum_feature_products = "feature_products";
inline constexpr std::size_t most_mapped_features = 4096;

// Sums that are added up in one round, in the order in which their numbers follow each other.
struct PooledRound {
    struct Sum {
        std::string name;  // without a number of features
        std::size_t numbers = 0;
    };
    std::vector<Sum> sums;
    std::size_t numbers() const;
};
// The rounds of sums of a charter. bad_input for a name that is not known or occurs twice, and
// where rows or bound is not among them.
Expected<std::vector<PooledRound>> pooled_rounds(const Charter& charter);

// Sums that are known so far, by name.
using PooledSums = std::map<std::string, std::vector<std::uint64_t>, std::less<>>;

// Which of a contributor's messages a round takes.
std::vector<MessageSlot> contribution_slots(const Charter& charter, PartyMessageKind kind);

// How a round is looked at. A member posts its own messages and keeps roots; a server only looks.
// `sums` are those of the rounds before, and `pooled` says which are due, in a round of masked
// sums.
struct ContributionRound {
    std::uint32_t number = 0;
    Digest previous_root{};
    PartyMessageKind kind = PartyMessageKind::masked_sums;
    const PooledRound* pooled = nullptr;
    const PooledSums* sums = nullptr;
    std::vector<MessageSlot> slots;
};
using LookAtRound = std::function<Expected<RoundView>(const ContributionRound&)>;

struct Contributions {
    PooledSums sums;
    std::optional<RoundView> uploads;  // once that round is complete
    std::uint32_t next_round = 0;      // the first that is not complete, or the one after uploads
    Digest root{};                     // of the round before that
    bool complete() const noexcept { return uploads.has_value(); }
};
// Goes through the rounds from `first` on as far as they are complete, and checks them: numbers
// that fit the charter, enough rows, uploads as committed. Errors name the member.
Expected<Contributions> follow_contributions(const Charter& charter, std::uint32_t first,
                                             const Digest& previous_root, const LookAtRound& look);

// The bytes that a contributor uploaded, without the 32 random ones that they begin with.
Expected<std::vector<std::uint8_t>> uploaded_bytes(const RoundView& uploads,
                                                   std::uint32_t contributor);

}  // namespace cipherfit
