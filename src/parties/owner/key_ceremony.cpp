#include "cipherfit/parties/owner/key_ceremony.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/secret_bytes.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "cipherfit/parties/share_bytes.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

template <class T>
tl::unexpected<ErrorInfo> failed(const Expected<T>& result) {
    return tl::unexpected<ErrorInfo>(result.error());
}

Seed to_seed(std::span<const std::uint8_t> bytes) {
    Seed seed{};
    std::copy_n(bytes.begin(), seed.size(), seed.begin());
    return seed;
}

bool present(const fs::path& path) {
    std::error_code none;
    return fs::exists(path, none);
}

// Wipes a byte string when the scope ends.
class WipeBytes {
  public:
    explicit WipeBytes(Bytes& bytes) noexcept : bytes_(bytes) {}
    ~WipeBytes() { secure_wipe(bytes_.data(), bytes_.size()); }
    WipeBytes(const WipeBytes&) = delete;
    WipeBytes& operator=(const WipeBytes&) = delete;

  private:
    Bytes& bytes_;
};

}  // namespace

KeyCeremony::KeyCeremony(const fs::path& directory, const fs::path& board, const Charter& charter,
                         std::uint32_t self, const MemberIdentity& identity,
                         const KeyRequest& request, const Parameters& parameters)
    : directory_(directory),
      board_(board),
      charter_(charter),
      charter_digest_(charter_digest(charter)),
      self_(self),
      identity_(&identity),
      request_(request),
      parameters_(parameters) {}

Expected<KeyCeremony> KeyCeremony::open(const fs::path& private_directory, const fs::path& board,
                                        const SignedCharter& charter, std::uint32_t self,
                                        const MemberIdentity& identity, const KeyRequest& request) {
    if (const auto checked = check_charter(charter.charter); !checked) {
        return failed(checked);
    }
    const auto missing = charter.unsigned_members();
    if (!missing.empty()) {
        return make_error(ErrorCode::bad_input,
                          "the charter is not signed by {}: nothing happens before all have signed",
                          charter.charter.describe(missing[0]));
    }
    if (self >= charter.charter.members.size() ||
        charter.charter.members[self].identity != identity.identity_key() ||
        charter.charter.members[self].sealing != identity.sealing_key()) {
        return make_error(ErrorCode::bad_input, "these private keys are not those of {}",
                          charter.charter.describe(self));
    }
    auto parameters = Parameters::from_bytes(charter.charter.parameters);
    if (!parameters) {
        return failed(parameters);
    }
    for (const fs::path& path :
         {private_directory, private_directory / "sent", private_directory / "roots"}) {
        std::error_code error;
        fs::create_directories(path, error);
        if (!error) {
            fs::permissions(path, fs::perms::owner_all, error);
        }
        if (error) {
            return make_error(ErrorCode::io_failure, "{}: {}", path.string(), error.message());
        }
    }
    return KeyCeremony(private_directory, board, charter.charter, self, identity, request,
                       *parameters);
}

// A file of random secret bytes, made once.
Expected<Bytes> KeyCeremony::secret_file(const std::string& name, std::size_t size) const {
    const fs::path path = directory_ / name;
    if (!present(path)) {
        Bytes fresh(size);
        const WipeBytes guard(fresh);
        random_secret_bytes(fresh);
        if (const auto written = write_file(path, fresh, {.exclusive = true, .mode = 0600});
            !written) {
            return failed(written);
        }
    }
    auto bytes = read_file(path, size);
    if (bytes && bytes->size() != size) {
        return make_error(ErrorCode::corrupt_data, "{} has {} bytes instead of {}", path.string(),
                          bytes->size(), size);
    }
    return bytes;
}

Expected<Dealer> KeyCeremony::dealer() const {
    if (present(directory_ / "forgotten")) {
        return make_error(
            ErrorCode::bad_input,
            "this dealer has forgotten its summand, as it should once the keys stand");
    }
    auto seed = secret_file("dealer.seed", sizeof(Seed));
    if (!seed) {
        return failed(seed);
    }
    const WipeBytes guard(*seed);
    return Dealer::from_seed(parameters_, charter_digest_, to_seed(*seed));
}

Expected<std::vector<KeyShare>> KeyCeremony::own_shares() const {
    const auto common = ceremony_seed(charter_, views_[0], views_[1]);
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

Expected<Bytes> KeyCeremony::payload(const MessageSlot& slot, std::uint32_t round,
                                     const Digest& previous_root) {
    auto secret = secret_file("randomness", 2 * sizeof(Seed));
    auto opening = secret_file("opening", sizeof(Seed));
    if (!secret || !opening) {
        return failed(secret ? opening : secret);
    }
    const WipeBytes guard(*secret);
    const WipeBytes opening_guard(*opening);
    switch (slot.kind) {
        case MessageKind::randomness_commitment: {
            const Digest digest = commit_randomness(
                charter_digest_, self_,
                {.opening = to_seed(*secret),
                 .contribution = to_seed(std::span(*secret).subspan(sizeof(Seed)))});
            return Bytes(digest.begin(), digest.end());
        }
        case MessageKind::randomness_reveal:
            return Bytes(*secret);
        case MessageKind::key_commitment: {
            const auto shares = own_shares();
            if (!shares) {
                return failed(shares);
            }
            const Digest digest =
                commit_key_shares(charter_, self_, to_seed(*opening), parameters_, *shares);
            return Bytes(digest.begin(), digest.end());
        }
        case MessageKind::key_shares: {
            const auto shares = own_shares();
            if (!shares) {
                return failed(shares);
            }
            Bytes result(*opening);
            const Bytes bytes = to_bytes(parameters_, *shares);
            result.insert(result.end(), bytes.begin(), bytes.end());
            return result;
        }
        case MessageKind::release_points: {
            const auto own = dealer();
            if (!own) {
                return failed(own);
            }
            const auto holders = static_cast<unsigned>(charter_.holders().size());
            const auto points =
                own->release_points(holders, charter_.threshold, charter_.release_level);
            Bytes bytes = to_bytes(parameters_, points[*charter_.point_of(slot.recipient) - 1]);
            const WipeBytes point_guard(bytes);
            return seal(charter_.members[slot.recipient].sealing,
                        sealing_context(MessagePlace{.charter = charter_digest_,
                                                     .round = round,
                                                     .slot = slot,
                                                     .previous_root = previous_root}),
                        bytes);
        }
        case MessageKind::round_two_shares: {
            auto shown = shown_shares(charter_, parameters_, request_, views_[2], views_[3]);
            const auto common = ceremony_seed(charter_, views_[0], views_[1]);
            const auto own = dealer();
            if (!shown || !common || !own) {
                return !shown ? failed(shown) : !common ? failed(common) : failed(own);
            }
            std::vector<KeyShare> result;
            const auto asked = asked_shares(parameters_, request_);
            for (std::size_t i = 0; i < asked.size(); ++i) {
                if (asked[i].kind == ShareKind::relinearization_one) {
                    std::vector<KeyShare> first;
                    for (auto& list : *shown) {
                        first.push_back(std::move(list[i]));
                    }
                    result.push_back(own->relinearization_two(*common, first));
                }
            }
            return to_bytes(parameters_, result);
        }
        default: {  // points_received
            if (const auto kept = keep_points(); !kept) {
                return failed(kept);
            }
            return Bytes();
        }
    }
}

// Opens this holder's points, adds them up and stores the sum.
Expected<void> KeyCeremony::keep_points() {
    if (present(directory_ / "point")) {
        return {};
    }
    std::vector<ReleasePoint> points;
    const RoundView& view = views_[3];
    for (const std::uint32_t dealer : charter_.dealers()) {
        const MessageSlot slot{
            .kind = MessageKind::release_points, .sender = dealer, .recipient = self_};
        auto opened = identity_->open(sealing_context(view.round.receipts().at(slot).header),
                                      view.payloads.at(slot));
        if (!opened) {
            return make_error(ErrorCode::corrupt_data, "{} cannot be used: {}",
                              describe(charter_, slot), opened.error().message);
        }
        const WipeBytes guard(*opened);
        auto point = release_point_from_bytes(parameters_, *charter_.point_of(self_),
                                              charter_.release_level, *opened);
        if (!point) {
            return make_error(ErrorCode::corrupt_data, "{} cannot be used: {}",
                              describe(charter_, slot), point.error().message);
        }
        points.push_back(std::move(*point));
    }
    Bytes bytes = to_bytes(parameters_, ReleasePoint::sum(parameters_, points));
    const WipeBytes guard(bytes);
    return write_file(directory_ / "point", bytes, {.exclusive = true, .mode = 0600});
}

// Stores the message before it is shown to anybody, or takes the one that is stored.
Expected<void> KeyCeremony::post(const MessageSlot& slot, std::uint32_t round,
                                 const Digest& previous_root, CeremonyReport& report) {
    const fs::path stored = directory_ / "sent" / Board::file_name(round, slot);
    if (!present(stored)) {
        auto content = payload(slot, round, previous_root);
        if (!content) {
            return failed(content);
        }
        const Message message = sign_message(*identity_,
                                             {.charter = charter_digest_,
                                              .round = round,
                                              .slot = slot,
                                              .previous_root = previous_root},
                                             std::move(*content));
        const auto written =
            write_file(stored, to_bytes(message), {.exclusive = true, .mode = 0600});
        if (!written) {
            return written;
        }
    }
    const auto bytes = read_file(stored, largest_payload(slot.kind) + 4096);
    if (!bytes) {
        return failed(bytes);
    }
    const auto shown = board_.get(round, slot);
    if (shown && *shown && **shown == *bytes) {
        return {};
    }
    report.posted.push_back(describe(charter_, slot));
    return board_.put(round, slot, *bytes);
}

Expected<void> KeyCeremony::pin_root(std::uint32_t round, const Digest& root) const {
    const fs::path path = directory_ / "roots" / fmt::format("{:02}", round);
    if (!present(path)) {
        return write_file(path, root, {.exclusive = true, .mode = 0600});
    }
    const auto before = read_file(path, root.size());
    if (!before) {
        return failed(before);
    }
    if (!std::ranges::equal(*before, root)) {
        return make_error(
            ErrorCode::corrupt_data,
            "round {} shows other messages than it did before (root {}, now {}): "
            "whoever carries the messages has exchanged some",
            round, to_hex(std::span(*before).first(std::min<std::size_t>(8, before->size()))),
            to_hex(std::span(root).first(8)));
    }
    return {};
}

Expected<CeremonyReport> KeyCeremony::step() {
    CeremonyReport report;
    views_.clear();
    Digest root{};
    for (std::uint32_t number = 0; number < ceremony_rounds; ++number) {
        report.round = number;
        const auto slots = ceremony_slots(charter_, number);
        for (const MessageSlot& slot : slots) {
            if (slot.sender == self_) {
                if (const auto posted = post(slot, number, root, report); !posted) {
                    return failed(posted);
                }
            }
        }
        views_.push_back(view_round(charter_, number, root, slots, board_));
        const RoundView& view = views_.back();
        if (!view.round.complete()) {
            report.problems = view.problems;
            for (const MessageSlot& slot : view.round.missing()) {
                report.waiting_for.push_back(describe(charter_, slot));
            }
            return report;
        }
        root = view.round.root();
        if (const auto pinned = pin_root(number, root); !pinned) {
            return failed(pinned);
        }
        // What everybody checks, dealer or not, before anything is built on it.
        if (number == 1) {
            if (const auto common = ceremony_seed(charter_, views_[0], views_[1]); !common) {
                return failed(common);
            }
        }
        if (number == 3) {
            const auto shown = shown_shares(charter_, parameters_, request_, views_[2], views_[3]);
            if (!shown) {
                return failed(shown);
            }
        }
    }
    report.round = ceremony_rounds;
    report.done = true;
    if (present(directory_ / "dealer.seed")) {
        // The mark first: a dealer that is stopped in between must not draw another summand.
        if (const auto marked = write_file(directory_ / "forgotten", {}, {.mode = 0600}); !marked) {
            return failed(marked);
        }
        std::error_code error;
        fs::remove(directory_ / "dealer.seed", error);
    }
    return report;
}

Expected<ReleasePoint> KeyCeremony::release_point() const {
    const auto point = charter_.point_of(self_);
    if (!point || !present(directory_ / "point")) {
        return make_error(ErrorCode::bad_input, "{} has no point{}", charter_.describe(self_),
                          point ? ": the keys are not made yet" : " and is no holder");
    }
    auto bytes = read_file(directory_ / "point", std::size_t{1} << 28U);
    if (!bytes) {
        return failed(bytes);
    }
    const WipeBytes guard(*bytes);
    return release_point_from_bytes(parameters_, *point, charter_.release_level, *bytes);
}

Expected<Seed> KeyCeremony::noise_seed() const {
    auto bytes = secret_file("holder.seed", sizeof(Seed));
    if (!bytes) {
        return failed(bytes);
    }
    const WipeBytes guard(*bytes);
    return to_seed(*bytes);
}

}  // namespace cipherfit
