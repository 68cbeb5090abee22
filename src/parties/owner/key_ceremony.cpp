#include "cipherfit/parties/owner/key_ceremony.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/secret_bytes.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "cipherfit/parties/share_bytes.h"
#include "parties/failed.h"
#include "parties/owner/wipe_bytes.h"

#include <algorithm>
#include <system_error>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

constexpr std::size_t largest_point_bytes = std::size_t{1} << 28U;

Seed to_seed(std::span<const std::uint8_t> bytes) {
    Seed seed{};
    std::copy_n(bytes.begin(), seed.size(), seed.begin());
    return seed;
}

Bytes to_vector(const Digest& digest) {
    return {digest.begin(), digest.end()};
}

}  // namespace

Expected<KeyCeremony> KeyCeremony::open(const fs::path& private_directory, const fs::path& board,
                                        const SignedCharter& charter, std::uint32_t self,
                                        const MemberIdentity& identity, const KeyRequest& request) {
    auto member = MemberDirectory::open(private_directory, board, charter, self, identity);
    if (!member) {
        return failed(member);
    }
    auto parameters = Parameters::from_bytes(charter.charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    return KeyCeremony(std::move(*member), request, *parameters);
}

Expected<Dealer> KeyCeremony::dealer() const {
    if (member_.has("forgotten")) {
        return make_error(
            ErrorCode::bad_input,
            "this dealer has forgotten its summand, as it should once the keys stand");
    }
    auto seed = member_.secret("dealer.seed", sizeof(Seed));
    if (!seed) {
        return failed(seed);
    }
    const WipeBytes guard(*seed);
    return Dealer::from_seed(parameters_, member_.charter_id(), to_seed(*seed));
}

Expected<std::vector<KeyShare>> KeyCeremony::own_shares() const {
    const auto common = ceremony_seed(member_.charter(), views_[0], views_[1]);
    if (!common) {
        return failed(common);
    }
    const auto own = dealer();
    if (!own) {
        return failed(own);
    }
    std::vector<KeyShare> shares;
    for (const AskedShare& asked : asked_shares(parameters_, request_)) {
        switch (asked.kind) {
            case ShareKind::public_key:
                shares.push_back(own->public_key_share(*common));
                break;
            case ShareKind::switching_key:
                shares.push_back(own->switching_key_share(*common, asked.id, asked.level));
                break;
            default:
                shares.push_back(own->relinearization_one(*common, asked.level));
        }
    }
    return shares;
}

Expected<Bytes> KeyCeremony::sealed_point(const MessageSlot& slot, std::uint32_t round,
                                          const Digest& previous_root) const {
    const auto own = dealer();
    if (!own) {
        return failed(own);
    }
    const Charter& charter = member_.charter();
    const auto holder = charter.point_of(slot.recipient);
    if (!holder) {
        return make_error(ErrorCode::internal, "{} is no holder and has no point",
                          charter.describe(slot.recipient));
    }
    const auto points = own->release_points(static_cast<unsigned>(charter.holders().size()),
                                            charter.threshold, charter.release_level);
    Bytes bytes = to_bytes(parameters_, points[*holder - 1]);
    const WipeBytes guard(bytes);
    return seal(charter.members[slot.recipient].sealing,
                sealing_context(MessagePlace{.charter = member_.charter_id(),
                                             .round = round,
                                             .slot = slot,
                                             .previous_root = previous_root}),
                bytes);
}

Expected<Bytes> KeyCeremony::round_two() const {
    const Charter& charter = member_.charter();
    const auto common = ceremony_seed(charter, views_[0], views_[1]);
    if (!common) {
        return failed(common);
    }
    const auto own = dealer();
    if (!own) {
        return failed(own);
    }
    std::vector<KeyShare> result;
    const auto asked = asked_shares(parameters_, request_);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].kind != ShareKind::relinearization_one) {
            continue;
        }
        std::vector<KeyShare> first;
        for (const std::uint32_t other : charter.dealers()) {
            auto shown = shown_shares(charter, parameters_, request_, views_[3], other, i + 1);
            if (!shown) {
                return failed(shown);
            }
            first.push_back(std::move((*shown)[i]));
        }
        try {
            result.push_back(own->relinearization_two(*common, first));
        } catch (const Error& error) {
            return tl::unexpected<ErrorInfo>(error.info());
        }
    }
    return to_bytes(parameters_, result);
}

// What this dealer commits to and then shows: its opening and its shares, made once.
Expected<Bytes> KeyCeremony::shown_payload() const {
    if (member_.has("shown")) {
        return read_file(member_.path("shown"), largest_payload(PartyMessageKind::key_shares));
    }
    auto opening = member_.secret("opening", sizeof(Seed));
    if (!opening) {
        return opening;
    }
    const auto shares = own_shares();
    if (!shares) {
        return failed(shares);
    }
    const Bytes bytes = to_bytes(parameters_, *shares);
    opening->insert(opening->end(), bytes.begin(), bytes.end());
    if (const auto kept = member_.keep("shown", *opening); !kept) {
        return failed(kept);
    }
    return opening;
}

Expected<Bytes> KeyCeremony::payload(const MessageSlot& slot, std::uint32_t round,
                                     const Digest& previous_root) const {
    auto secret = member_.secret("randomness", 2 * sizeof(Seed));
    if (!secret) {
        return secret;
    }
    switch (slot.kind) {
        case PartyMessageKind::randomness_commitment:
            return to_vector(commit_randomness(
                member_.charter_id(), member_.self(),
                {.opening = to_seed(*secret),
                 .contribution = to_seed(std::span(*secret).subspan(sizeof(Seed)))}));
        case PartyMessageKind::randomness_reveal:
            return secret;
        case PartyMessageKind::key_commitment: {
            const auto shown = shown_payload();
            return shown ? Expected<Bytes>(to_vector(commit_key_shares(
                               member_.charter(), member_.self(), sha256(*shown))))
                         : failed(shown);
        }
        case PartyMessageKind::key_shares:
            return shown_payload();
        case PartyMessageKind::release_points:
            return sealed_point(slot, round, previous_root);
        case PartyMessageKind::round_two_shares:
            return round_two();
        default: {  // points_received
            if (const auto kept = keep_points(); !kept) {
                return failed(kept);
            }
            return Bytes();
        }
    }
}

// Opens this holder's points, adds them up and stores the sum.
Expected<void> KeyCeremony::keep_points() const {
    if (member_.has("point")) {
        return {};
    }
    const Charter& charter = member_.charter();
    const auto holder = charter.point_of(member_.self());
    if (!holder) {
        return make_error(ErrorCode::internal, "{} is no holder and has no point",
                          charter.describe(member_.self()));
    }
    std::vector<ReleasePoint> points;
    const RoundView& view = views_[3];
    for (const std::uint32_t dealer : charter.dealers()) {
        const MessageSlot slot{.kind = PartyMessageKind::release_points,
                               .sender = dealer,
                               .recipient = member_.self()};
        const auto useless = [&](const ErrorInfo& error) {
            return make_error(ErrorCode::corrupt_data, "{} cannot be used: {}",
                              describe(charter, slot), error.message);
        };
        const auto sealed = view.payload(slot);
        if (!sealed) {
            return useless(sealed.error());
        }
        auto opened = member_.identity().open(
            sealing_context(view.round.receipts().at(slot).header), *sealed);
        if (!opened) {
            return useless(opened.error());
        }
        const WipeBytes guard(*opened);
        auto point = release_point_from_bytes(parameters_, *holder, charter.release_level, *opened);
        if (!point) {
            return useless(point.error());
        }
        points.push_back(std::move(*point));
    }
    Bytes bytes = to_bytes(parameters_, ReleasePoint::sum(parameters_, points));
    const WipeBytes guard(bytes);
    return member_.keep("point", bytes);
}

// What everybody checks, dealer or not, before anything is built on a complete round.
Expected<void> KeyCeremony::check_round(std::uint32_t round) const {
    if (round == 1) {
        const auto common = ceremony_seed(member_.charter(), views_[0], views_[1]);
        return common ? Expected<void>() : failed(common);
    }
    if (round == 3) {
        return check_shown(member_.charter(), views_[2], views_[3]);
    }
    return {};
}

Expected<void> KeyCeremony::forget() const {
    if (!member_.has("dealer.seed")) {
        return {};
    }
    // The mark first: a dealer that is stopped in between must not draw another summand.
    if (!member_.has("forgotten")) {
        if (const auto marked = member_.keep("forgotten", {}); !marked) {
            return marked;
        }
    }
    for (const char* name : {"shown", "dealer.seed"}) {
        std::error_code error;
        fs::remove(member_.path(name), error);
        if (error) {
            return make_error(ErrorCode::io_failure, "{}: {}", member_.path(name).string(),
                              error.message());
        }
    }
    return {};
}

Expected<StepReport> KeyCeremony::step() {
    StepReport report;
    views_.clear();
    Digest root{};
    for (std::uint32_t number = 0; number < ceremony_rounds; ++number) {
        auto view = member_.step(
            number, root, ceremony_slots(member_.charter(), number),
            [&](const MessageSlot& slot) { return payload(slot, number, root); }, report);
        if (!view) {
            return failed(view);
        }
        views_.push_back(std::move(*view));
        if (!views_.back().round.complete()) {
            return report;
        }
        root = views_.back().round.root();
        if (const auto checked = check_round(number); !checked) {
            return failed(checked);
        }
    }
    if (const auto forgotten = forget(); !forgotten) {
        return failed(forgotten);
    }
    last_root_ = root;
    report.done = true;
    return report;
}

Expected<ReleasePoint> KeyCeremony::release_point() const {
    const Charter& charter = member_.charter();
    const auto point = charter.point_of(member_.self());
    if (!point || !member_.has("point")) {
        return make_error(ErrorCode::bad_input, "{} has no point{}",
                          charter.describe(member_.self()),
                          point ? ": the keys are not made yet" : " and is no holder");
    }
    auto bytes = read_file(member_.path("point"), largest_point_bytes);
    if (!bytes) {
        return failed(bytes);
    }
    const WipeBytes guard(*bytes);
    return release_point_from_bytes(parameters_, *point, charter.release_level, *bytes);
}

Expected<Seed> KeyCeremony::noise_seed() const {
    auto bytes = member_.secret("holder.seed", sizeof(Seed));
    if (!bytes) {
        return failed(bytes);
    }
    const WipeBytes guard(*bytes);
    return to_seed(*bytes);
}

}  // namespace cipherfit
