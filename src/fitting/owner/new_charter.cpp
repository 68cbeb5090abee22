#include "cipherfit/fitting/owner/new_charter.h"

#include "cipherfit/parties/contribution.h"
#include "cipherfit/protocol/owner/joint_preparation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace cipherfit {
namespace {

// The member of that card, added where it is not there yet.
CharterMember& member_of(Charter& charter, const MemberCard& card) {
    const auto found = std::ranges::find(charter.members, card.identity, &CharterMember::identity);
    if (found != charter.members.end()) {
        return *found;
    }
    return charter.members.emplace_back(
        CharterMember{.name = card.name, .identity = card.identity, .sealing = card.sealing});
}

void add_members(Charter& charter, const CharterRequest& request) {
    for (const MemberCard& card : request.members) {
        CharterMember& member = member_of(charter, card);
        member.contributor = true;
        member.holder = true;
    }
    for (const MemberCard& card : request.contributors) {
        member_of(charter, card).contributor = true;
    }
    for (const MemberCard& card : request.holders) {
        member_of(charter, card).holder = true;
    }
    require(request.recipient.has_value(), ErrorCode::bad_input,
            "nobody gets the model: name a recipient");
    member_of(charter, *request.recipient).recipient = true;
    unsigned dealers = 0;
    for (CharterMember& member : charter.members) {
        member.dealer = member.holder && dealers < request.threshold;
        dealers += member.dealer ? 1 : 0;
    }
}

JointTerms terms_of(const Charter& charter, const CharterRequest& request) {
    JointTerms terms = request.terms;
    terms.features = charter.features.size();
    terms.classes = charter.classes.size();
    terms.preparation = value_or_throw(preparation_from_name(request.preparation));
    terms.map.kind = value_or_throw(joint_map_from_name(request.extractor));
    // Images are taken for square; check_joint_map() says so where they are not.
    terms.map.height = terms.map.width =
        static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(terms.features))));
    const bool whitened = terms.preparation == Preparation::whitened;
    JointTask& task = terms.task;
    task.iterations = request.iterations > 0 ? request.iterations : whitened ? 4 : task.iterations;
    task.contributors = static_cast<unsigned>(charter.contributors().size());
    task.holders = static_cast<unsigned>(charter.holders().size());
    task.threshold = charter.threshold;
    require(task.holders >= 1 && task.holders <= 8 && task.threshold <= task.holders,
            ErrorCode::bad_input,
            "{} members hold the key and {} of them open it: 1 to 8 holders are possible, and no "
            "more of them can be needed than there are; members can also only bring rows",
            task.holders, task.threshold);
    return terms;
}

}  // namespace

std::vector<std::string> numbered_columns(std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t j = 1; j <= count; ++j) {
        names.push_back(fmt::format("x{}", j));
    }
    return names;
}

Charter new_charter(const CharterRequest& request) {
    Charter charter;
    charter.title = request.title;
    charter.nonce = random_seed();
    add_members(charter, request);
    charter.threshold = request.threshold;
    charter.features = request.features;
    charter.classes = request.classes;
    charter.smallest_contributors = request.smallest_contributors > 0
                                        ? request.smallest_contributors
                                        : static_cast<std::uint32_t>(charter.contributors().size());
    charter.smallest_rows = request.smallest_rows;
    charter.kappa = request.terms.task.kappa;
    charter.releases = 1;
    const CharterPlan plan = CharterPlan::create(terms_of(charter, request));
    check_joint_map(plan);
    plan.write_to(charter);
    return charter;
}

std::optional<SolvableSums> solvable_sums(const Charter& charter, const CharterPlan& plan) {
    std::uint64_t numbers = 0;
    for (const PooledRound& round : value_or_throw(pooled_rounds(charter))) {
        numbers += round.numbers();
    }
    const std::uint64_t columns = plan.terms().features;
    const bool products = takes_components(plan.terms().preparation);
    const bool mapped = plan.terms().map.kind != JointMapKind::none;
    const std::uint64_t few =
        products && !mapped ? std::max(numbers / columns, columns) : numbers / columns;
    if ((!products && !mapped) || charter.smallest_rows > few) {
        return std::nullopt;
    }
    return SolvableSums{numbers, columns, few};
}

}  // namespace cipherfit
