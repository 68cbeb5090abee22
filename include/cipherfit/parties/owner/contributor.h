// A member's side of the contributors' rounds (contribution.h), after the key ceremony. Members who
// contribute nothing take part as well: they look, keep the roots, and check.
#pragma once

#include "cipherfit/parties/contribution.h"
#include "cipherfit/parties/owner/member_directory.h"

#include <functional>
#include <vector>

namespace cipherfit {

// What a contributor sends: asked for once, when the round is open, and stored before it is sent.
struct ContributorWork {
    // The numbers of a round of sums, of this member's rows alone.
    std::function<Expected<std::vector<std::uint64_t>>(const PooledRound&, const PooledSums&)>
        numbers;
    // The statistics of its rows under the joint public key, from all sums.
    std::function<Expected<std::vector<std::uint8_t>>(const PooledSums&)> upload;
};

// Does what is due and says whom it waits for. `work` is null for a contributor that has brought no
// rows yet, and for other members. The report is that of the steps before (of the key ceremony, all
// done), and is done again once all uploads are there. Errors (nothing is sent after one):
// corrupt_data, bad_input (too few rows), those of `work`, io_failure.
Expected<Contributions> step_contributions(const MemberDirectory& member, std::uint32_t first_round,
                                           const Digest& previous_root, const ContributorWork* work,
                                           StepReport& report);

}  // namespace cipherfit
