#include "cipherfit/protocol/owner/member_session.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/rows_ledger.h"
#include "protocol/section_tags.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view rows_magic = "cipherfit joint rows 1";
constexpr std::size_t largest_rows_file = std::size_t{1} << 34U;
constexpr const char* rows_file = "rows";
constexpr const char* verified_file = "verified";
constexpr const char* asked_file = "asked";

Bytes to_bytes(const JointRows& rows) {
    ByteWriter out;
    out.string(rows_magic);
    out.u64(static_cast<std::uint64_t>(rows.features.rows()));
    out.u64(static_cast<std::uint64_t>(rows.features.cols()));
    for (Eigen::Index i = 0; i < rows.features.size(); ++i) {
        out.f64(rows.features.data()[i]);
    }
    for (const int label : rows.labels) {
        out.u32(static_cast<std::uint32_t>(label));
    }
    return out.take();
}

JointRows rows_from_bytes(const Bytes& bytes, const std::string& what) {
    ByteReader in(bytes);
    if (in.string(64) != rows_magic) {
        in.fail("these are no rows of a joint training");
    }
    const std::uint64_t count = in.u64();
    const std::uint64_t columns = in.u64();
    JointRows rows;
    if (in.ok() && columns > 0 && count <= in.remaining() / (8 * columns)) {
        rows.features.resize(static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(columns));
        for (Eigen::Index i = 0; i < rows.features.size(); ++i) {
            rows.features.data()[i] = in.f64();
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            rows.labels.push_back(static_cast<int>(in.u32()));
        }
    }
    value_or_throw(in.finish(what));
    return rows;
}

std::vector<Digest> digests_of(const JointRows& rows) {
    std::vector<Digest> result;
    for (Eigen::Index i = 0; i < rows.features.rows(); ++i) {
        ByteWriter out;
        for (const double value : rows.features.row(i)) {
            out.f64(value);
        }
        out.u32(static_cast<std::uint32_t>(rows.labels[static_cast<std::size_t>(i)]));
        result.push_back(sha256(out.view()));
    }
    return result;
}

// Throws Error(bad_input) for rows whose sums are beyond the fixed point. Found now, and not once
// they are recorded and keys have been made.
void check_numbers(const Charter& charter, const CharterPlan& plan, const JointRows& rows) {
    for (const PooledRound& round : value_or_throw(pooled_rounds(charter))) {
        // Cosines and the lengths of shortened rows, which need them, are small.
        const bool needs_sums = std::ranges::any_of(round.sums, [&](const PooledRound::Sum& sum) {
            return sum.name == sum_bound ||
                   (plan.terms().map.kind == JointMapKind::rbf && sum.name.starts_with("feature"));
        });
        if (!needs_sums) {
            static_cast<void>(joint_numbers(plan, round, {}, rows));
        }
    }
}

// The process writes for others as well, so that its umask is theirs.
DirectoryLock private_lock(const fs::path& directory) {
    DirectoryLock lock = value_or_throw(DirectoryLock::acquire(directory));
    fs::permissions(directory / ".lock", fs::perms::owner_read | fs::perms::owner_write);
    return lock;
}

SignedCharter signed_charter(const CharterFiles& files) {
    SignedCharter charter = value_or_throw(read_charter(files));
    std::vector<std::string> missing;
    for (const std::uint32_t member : charter.unsigned_members()) {
        missing.push_back(charter.charter.describe(member));
    }
    require(missing.empty(), ErrorCode::bad_input,
            "the charter is not signed by {}: nothing happens before all have signed",
            fmt::join(missing, ", "));
    return charter;
}

}  // namespace

struct MemberSession::State {
    State(const fs::path& home_path, const fs::path& charter_path, TestParameters tests)
        : home(value_or_throw(MemberHome::open(home_path))),
          files{charter_path},
          charter(signed_charter(files)),
          self(value_or_throw(home.self_in(charter.charter))),
          plan(value_or_throw(CharterPlan::of(charter.charter, tests))),
          directory(home.charter_directory(charter.charter)),
          member(value_or_throw(
              MemberDirectory::open(directory, files.messages(), charter, self, home.identity()))),
          keys(value_or_throw(KeyCeremony::open(directory, files.messages(), charter, self,
                                                home.identity(), plan.joint().keys()))),
          lock(private_lock(directory)) {
        check_joint_map(plan);
        remove_stale_files(home_path);
        remove_stale_files(directory);
        remove_stale_files(directory / "sent");
        remove_stale_files(directory / "roots");
        remove_stale_files(files.messages());
    }

    JointRows rows() const {
        const Bytes bytes = value_or_throw(read_file(member.path(rows_file), largest_rows_file));
        return rows_from_bytes(bytes, member.path(rows_file).string());
    }
    const Contributions& complete() const {
        require(
            contributions && contributions->complete(), ErrorCode::bad_input,
            "the keys and statistics are not complete yet: take the member's steps first, which "
            "say whom they wait for");
        return *contributions;
    }
    // The holders to ask: those that were asked before unless they are named, and the first ones if
    // nobody was.
    HolderSet asked(std::vector<unsigned> points) const {
        const Charter& text = charter.charter;
        if (points.empty() && member.has(asked_file)) {
            for (const std::uint8_t point :
                 value_or_throw(read_file(member.path(asked_file), most_holders))) {
                points.push_back(point);
            }
        }
        if (points.empty()) {
            points.resize(text.threshold);
            std::iota(points.begin(), points.end(), 1U);
        }
        const HolderSet set =
            HolderSet::create(static_cast<unsigned>(text.holders().size()), text.threshold, points);
        if (!member.has(asked_file)) {
            value_or_throw(member.keep(asked_file, Bytes(points.begin(), points.end())));
        }
        return set;
    }
    // What the server has published, read once: the file may be another one later.
    struct Checked {
        Verified verified;
        JointResult shown;
    };
    Checked check(const JointProgress& progress, std::stop_token stop);
    ReleaseCeremony release(std::uint32_t recipient) const {
        return value_or_throw(ReleaseCeremony::open(directory, files.messages(), charter, self,
                                                    home.identity(),
                                                    {.first_round = complete().next_round,
                                                     .previous_root = complete().root,
                                                     .recipient = recipient,
                                                     .gap = plan.joint().gap(),
                                                     .sigma = plan.joint().sigma()}));
    }

    MemberHome home;
    CharterFiles files;
    SignedCharter charter;
    std::uint32_t self;
    CharterPlan plan;
    fs::path directory;
    MemberDirectory member;
    KeyCeremony keys;
    DirectoryLock lock;
    std::optional<Contributions> contributions;
};

MemberSession::MemberSession(const fs::path& home, const fs::path& charter, TestParameters tests)
    : state_(std::make_unique<State>(home, charter, tests)) {}
MemberSession::~MemberSession() = default;
MemberSession::MemberSession(MemberSession&&) noexcept = default;

const Charter& MemberSession::charter() const noexcept {
    return state_->charter.charter;
}

const CharterPlan& MemberSession::plan() const noexcept {
    return state_->plan;
}

std::uint32_t MemberSession::self() const noexcept {
    return state_->self;
}

bool MemberSession::is_contributor() const noexcept {
    return charter().members[self()].contributor;
}

bool MemberSession::has_rows() const noexcept {
    return state_->member.has(rows_file);
}

void MemberSession::bring_rows(const JointRows& rows) {
    const Charter& charter = this->charter();
    require(is_contributor(), ErrorCode::bad_input, "{} is no contributor of this charter",
            charter.describe(self()));
    require(rows.features.rows() >= 1 &&
                rows.features.cols() == static_cast<Eigen::Index>(charter.features.size()),
            ErrorCode::bad_input, "{} rows of {} features do not fit the charter's {} features",
            rows.features.rows(), rows.features.cols(), charter.features.size());
    require(rows.features.allFinite() &&
                std::ranges::all_of(rows.labels,
                                    [&](int label) {
                                        return label >= 0 &&
                                               label < static_cast<int>(charter.classes.size());
                                    }),
            ErrorCode::bad_input,
            "the rows hold values that are not finite, or labels of no class of the charter");
    if (plan().terms().map.kind == JointMapKind::random_conv) {
        // Pixels that it does not take are found now, and not once keys have been made.
        static_cast<void>(joint_features(plan(), {}, rows.features));
    }
    const Bytes bytes = to_bytes(rows);
    if (has_rows()) {
        const Bytes kept =
            value_or_throw(read_file(state_->member.path(rows_file), largest_rows_file));
        require(kept == bytes, ErrorCode::bad_input,
                "{} has brought other rows under this charter before: changed rows need a new "
                "charter and new keys",
                charter.describe(self()));
        return;
    }
    check_numbers(charter, plan(), rows);
    // Two charters at once must not both find the rows unclaimed.
    const DirectoryLock all_charters = private_lock(state_->home.ledger().parent_path());
    RowsLedger ledger = value_or_throw(RowsLedger::open(state_->home.ledger()));
    const auto digests = digests_of(rows);
    value_or_throw(ledger.claim(charter_digest(charter), digests));
    value_or_throw(state_->member.keep(rows_file, bytes));
}

StepReport MemberSession::step() {
    State& state = *state_;
    StepReport report = value_or_throw(state.keys.step());
    if (!report.done) {
        return report;
    }
    std::optional<JointRows> own;
    const auto rows = [&]() -> const JointRows& {
        if (!own) {
            own = state.rows();
        }
        return *own;
    };
    const ContributorWork work{
        .numbers =
            [&](const PooledRound& round, const PooledSums& before) {
                return expected([&] { return joint_numbers(state.plan, round, before, rows()); });
            },
        .upload =
            [&](const PooledSums& sums) {
                return expected([&] {
                    const JointPublicKey key = value_or_throw(
                        joint_public_key(state.charter.charter, state.member.board()));
                    return joint_upload(state.plan, key, joint_preparation(state.plan, sums),
                                        rows());
                });
            }};
    state.contributions =
        value_or_throw(step_contributions(state.member, ceremony_rounds, state.keys.last_root(),
                                          has_rows() ? &work : nullptr, report));
    return report;
}

const PooledSums& MemberSession::sums() const noexcept {
    static const PooledSums none;
    return state_->contributions ? state_->contributions->sums : none;
}

MemberSession::State::Checked MemberSession::State::check(const JointProgress& progress,
                                                          std::stop_token stop) {
    const Contributions& all = complete();
    require(fs::exists(files.result()), ErrorCode::bad_input,
            "{}: the server has not published its result yet", files.result().string());
    Checked checked{.verified = {},
                    .shown = value_or_throw(read_result(files, charter.charter, plan, all))};
    const JointResult& shown = checked.shown;
    Verified& result = checked.verified;
    if (member.has(verified_file)) {
        const Bytes kept = value_or_throw(read_file(member.path(verified_file), sizeof(Digest)));
        result.was_done = true;
        require(kept.size() == sizeof(Digest), ErrorCode::corrupt_data,
                "{}: has {} bytes instead of {}", member.path(verified_file).string(), kept.size(),
                sizeof(Digest));
        std::ranges::copy(kept, result.digest.begin());
    } else {
        result.digest = run_joint_training(charter.charter, plan, member.board(), all, progress,
                                           std::move(stop), &result.times)
                            .digest;
        value_or_throw(member.keep(verified_file, result.digest));
    }
    require(result.digest == shown.digest, ErrorCode::fingerprint_mismatch,
            "the server shows a result of {}, and recomputing the training gives {}: it has "
            "trained something else, and no share is sent for it",
            to_hex(std::span(shown.digest).first(8)), to_hex(std::span(result.digest).first(8)));
    return checked;
}

MemberSession::Verified MemberSession::verify(const JointProgress& progress, std::stop_token stop) {
    return state_->check(progress, std::move(stop)).verified;
}

StepReport MemberSession::release() {
    State& state = *state_;
    const Charter& charter = this->charter();
    static_cast<void>(state.complete());
    require(charter.point_of(state.self).has_value(), ErrorCode::bad_input,
            "{} holds no point of the key and has nothing to release",
            charter.describe(state.self));
    require(state.member.has(verified_file), ErrorCode::bad_input,
            "{} has not recomputed the training yet: verify it first, then release",
            charter.describe(state.self));
    const auto [own, shown] = state.check({}, {});
    ReleaseCeremony ceremony = state.release(charter.recipients()[0]);
    return value_or_throw(ceremony.answer(own.digest, shown.c0, shown.c1,
                                          value_or_throw(state.keys.release_point()),
                                          value_or_throw(state.keys.noise_seed())));
}

MemberSession::Opened MemberSession::open_model(const std::vector<unsigned>& holders,
                                                const JointProgress& progress,
                                                std::stop_token stop) {
    State& state = *state_;
    const Charter& charter = this->charter();
    const auto& contributions = state.complete();
    // There is one request. So it is not spent on what a false result asks for.
    const auto [own, shown] = state.check(progress, std::move(stop));
    const HolderSet set = state.asked(holders);
    ReleaseCeremony ceremony = state.release(charter.recipients()[0]);
    Opened result;
    result.report = value_or_throw(ceremony.request(own.digest, set));
    // A recipient that is one of those it asks answers here: its directory is in use by this
    // session, and it has recomputed the training.
    if (const auto point = charter.point_of(state.self); point && set.contains(*point)) {
        const StepReport answered = value_or_throw(ceremony.answer(
            own.digest, shown.c0, shown.c1, value_or_throw(state.keys.release_point()),
            value_or_throw(state.keys.noise_seed())));
        result.report.posted.insert(result.report.posted.end(), answered.posted.begin(),
                                    answered.posted.end());
    }
    auto opened = value_or_throw(ceremony.open_model(shown.c0, result.report));
    if (opened) {
        const JointPreparation preparation = joint_preparation(state.plan, contributions.sums);
        result.model = released_model(state.plan, preparation, *opened, charter.classes);
        result.extractor = joint_extractor(state.plan, preparation);
    }
    return result;
}

}  // namespace cipherfit
