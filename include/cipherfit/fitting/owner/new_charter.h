// Writing a charter down: who takes part as what, and the plan that follows.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/parties/member_card.h"
#include "cipherfit/protocol/charter_plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

struct CharterRequest {
    std::string title;
    std::vector<MemberCard> members;       // bring rows and hold a point of the key
    std::vector<MemberCard> contributors;  // bring rows
    std::vector<MemberCard> holders;       // hold a point
    std::optional<MemberCard> recipient;   // one of the others, or not
    unsigned threshold = 0;                // so many holders open the model; the first so many deal
    std::vector<std::string> features, classes;
    std::string preparation = "centred";
    std::string extractor = "none";
    int iterations = 0;  // 0: as many as the preparation needs
    // Features, classes, preparation, the map's kind and the roles are filled in from the above.
    JointTerms terms;
    std::uint64_t smallest_rows = 0;
    std::uint32_t smallest_contributors = 0;  // 0: all
};

// x1, x2, ...: columns that have no names.
std::vector<std::string> numbered_columns(std::size_t count);

// A charter with a nonce of its own, which its members can sign. Throws Error(bad_input) for roles
// and terms that do not go together.
Charter new_charter(const CharterRequest& request);

// Sums that leave few rows no secrets: equations for each value of the rows, or a covariance of as
// many columns as there are rows.
struct SolvableSums {
    std::uint64_t numbers = 0;  // that are published
    std::uint64_t columns = 0;
    std::uint64_t rows = 0;  // the most rows that the sums can be solved for
};
// None where the charter publishes no such sums, or asks for more rows.
std::optional<SolvableSums> solvable_sums(const Charter& charter, const CharterPlan& plan);

}  // namespace cipherfit
