#include "cipherfit/parties/charter.h"

#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/multiparty/holders.h"
#include "rlwe/multiparty/hashing.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace cipherfit {
namespace {

template <class Has>
std::vector<std::uint32_t> members_with(const Charter& charter, Has&& has) {
    std::vector<std::uint32_t> result;
    for (std::size_t i = 0; i < charter.members.size(); ++i) {
        if (has(charter.members[i])) {
            result.push_back(static_cast<std::uint32_t>(i));
        }
    }
    return result;
}

bool printable(const std::string& text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

tl::unexpected<ErrorInfo> broken(const std::string& why) {
    return make_error(ErrorCode::bad_input, "the charter cannot be used: {}", why);
}

Expected<void> check_members(const Charter& charter) {
    if (charter.members.empty() || charter.members.size() > most_members) {
        return broken(fmt::format("it has {} members, and 1 to {} are allowed",
                                  charter.members.size(), most_members));
    }
    std::set<std::string> names;
    std::set<std::array<std::uint8_t, 32>> keys;
    for (std::uint32_t i = 0; i < charter.members.size(); ++i) {
        const CharterMember& member = charter.members[i];
        if (member.name.empty() || !printable(member.name)) {
            return broken(fmt::format("member {} has no printable name", i));
        }
        if (!names.insert(member.name).second) {
            return broken(fmt::format("two members are called {}", member.name));
        }
        if (!keys.insert(member.identity.bytes).second ||
            !keys.insert(member.sealing.bytes).second) {
            return broken(fmt::format("{} has a key that occurs twice", charter.describe(i)));
        }
        if (member.dealer && !member.holder) {
            return broken(fmt::format("{} is a dealer and not a holder", charter.describe(i)));
        }
    }
    return {};
}

Expected<void> check_roles(const Charter& charter) {
    const std::size_t holders = charter.holders().size();
    const std::size_t contributors = charter.contributors().size();
    if (holders < 1 || holders > most_holders) {
        return broken(
            fmt::format("it has {} key holders, and 1 to {} are allowed", holders, most_holders));
    }
    if (charter.threshold < 1 || charter.threshold > holders ||
        charter.dealers().size() != charter.threshold) {
        return broken(
            fmt::format("of {} holders {} are to open and {} are dealers: as many "
                        "dealers as open are needed, 1 to {}",
                        holders, charter.threshold, charter.dealers().size(), holders));
    }
    if (charter.recipients().empty()) {
        return broken("nobody is to receive the model");
    }
    if (contributors < 2 || charter.smallest_contributors < 2 ||
        charter.smallest_contributors > contributors) {
        return broken(
            fmt::format("it has {} contributors and asks for at least {}: two or more "
                        "are needed, and no more than there are",
                        contributors, charter.smallest_contributors));
    }
    return {};
}

Expected<void> check_terms(const Charter& charter) {
    if (!(charter.kappa >= smallest_kappa && charter.kappa <= 128)) {
        return broken(fmt::format("its flooding has {} bits, and {} to 128 are needed",
                                  charter.kappa, smallest_kappa));
    }
    if (charter.releases != 1) {
        return broken(fmt::format("it allows {} releases: one charter is one key and one release",
                                  charter.releases));
    }
    const auto parameters = Parameters::from_bytes(charter.parameters);
    if (!parameters) {
        return broken(parameters.error().message);
    }
    if (charter.release_level > parameters->max_level()) {
        return broken(fmt::format("its release is at level {} and the highest is {}",
                                  charter.release_level, parameters->max_level()));
    }
    return {};
}

}  // namespace

std::vector<std::uint32_t> Charter::holders() const {
    return members_with(*this, [](const CharterMember& m) { return m.holder; });
}

std::vector<std::uint32_t> Charter::dealers() const {
    return members_with(*this, [](const CharterMember& m) { return m.dealer; });
}

std::vector<std::uint32_t> Charter::contributors() const {
    return members_with(*this, [](const CharterMember& m) { return m.contributor; });
}

std::vector<std::uint32_t> Charter::recipients() const {
    return members_with(*this, [](const CharterMember& m) { return m.recipient; });
}

std::optional<unsigned> Charter::point_of(std::uint32_t member) const {
    const auto all = holders();
    const auto found = std::ranges::find(all, member);
    return found == all.end() ? std::nullopt
                              : std::optional(static_cast<unsigned>(found - all.begin()) + 1);
}

std::string Charter::describe(std::uint32_t member) const {
    return member < members.size() ? fmt::format("member {} ({})", member, members[member].name)
                                   : fmt::format("member {}, who does not exist", member);
}

Expected<void> check_charter(const Charter& charter) {
    for (const auto check : {check_members, check_roles, check_terms}) {
        auto checked = check(charter);
        if (!checked) {
            return checked;
        }
    }
    return {};
}

Digest charter_digest(const Charter& charter) {
    return FieldHash("cipherfit charter 1").field(to_bytes(charter)).finish();
}

Expected<void> SignedCharter::add(std::uint32_t member, const Signature& signature) {
    if (member >= charter.members.size() ||
        !verify_signature(charter.members[member].identity, charter_purpose,
                          charter_digest(charter), signature)) {
        return make_error(ErrorCode::corrupt_data,
                          "the signature of {} is not one of this charter: compare the charter's "
                          "digest, {}",
                          charter.describe(member), to_hex(charter_digest(charter)));
    }
    signatures[member] = signature;
    return {};
}

std::vector<std::uint32_t> SignedCharter::unsigned_members() const {
    std::vector<std::uint32_t> result;
    for (std::uint32_t i = 0; i < signatures.size(); ++i) {
        if (!signatures[i]) {
            result.push_back(i);
        }
    }
    return result;
}

}  // namespace cipherfit
