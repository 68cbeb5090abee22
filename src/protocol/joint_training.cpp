#include "cipherfit/protocol/joint_training.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/ceremony.h"
#include "cipherfit/rlwe/multiparty/release.h"
#include "parties/packing.h"
#include "protocol/joint_bytes.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::string_view result_magic = "cipherfit joint result 1";
constexpr std::size_t largest_result = std::size_t{1} << 28U;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void require_going(const std::stop_token& stop) {
    require(!stop.stop_requested(), ErrorCode::interrupted,
            "stopped: the same command begins the training again");
}

struct SeenRounds {
    KeyRounds keys;
    Contributions contributions;
};

// All rounds again, as views that payloads are read through: what is computed from is what `root`
// is of, whatever the directory shows in the meantime.
SeenRounds look_again(const Charter& charter, const Board& board, const Digest& root) {
    SeenRounds seen{.keys = value_or_throw(key_rounds(charter, board)), .contributions = {}};
    std::string why = "some were exchanged";
    const auto look = [&](std::uint32_t number, const Digest& previous,
                          const std::vector<MessageSlot>& slots) {
        RoundView view = view_round(charter, number, previous, slots, board);
        if (!view.round.complete()) {
            why = view.problems.empty() ? describe(charter, view.round.missing()[0]) + " is missing"
                                        : view.problems[0];
        }
        return view;
    };
    const std::uint32_t last = ceremony_rounds - 1;
    const RoundView received = look(last, seen.keys.root, ceremony_slots(charter, last));
    if (received.round.complete()) {
        seen.contributions = value_or_throw(follow_contributions(
            charter, ceremony_rounds, received.round.root(), [&](const ContributionRound& round) {
                return Expected<RoundView>(look(round.number, round.previous_root, round.slots));
            }));
    }
    require(seen.contributions.complete() && seen.contributions.root == root,
            ErrorCode::corrupt_data,
            "the charter's directory shows other messages than it did before, and nothing is "
            "computed from them: {}",
            why);
    return seen;
}

}  // namespace

void UploadSum::add(std::span<const std::uint8_t> upload, const std::string& who) {
    ByteReader in(upload);
    Digest preparation{};
    const auto digest = in.bytes(preparation.size());
    std::ranges::copy(digest, preparation.begin());
    if (!preparation_) {
        preparation_ = preparation;
        first_ = who;
    }
    require(*preparation_ == preparation, ErrorCode::corrupt_data,
            "{} has made other features of the published sums than {}: all members need one "
            "version of cipherfit",
            who, first_);
    const JointContribution own = read_contribution(in, plan_.joint());
    if (auto done = in.finish("the upload of " + who); !done) {
        throw Error(done.error());
    }
    if (auto added = sum_.add(own); !added) {
        throw Error(added.error().code, fmt::format("{}: {}", who, added.error().message));
    }
}

Expected<JointRounds> look_at_rounds(const Charter& charter, const Board& board) {
    JointRounds result;
    Digest root{};
    const auto look = [&](std::uint32_t number, const Digest& previous,
                          const std::vector<MessageSlot>& slots) {
        RoundView view = view_round(charter, number, previous, slots, board);
        for (const MessageSlot& slot : view.round.missing()) {
            result.waiting_for.push_back(describe(charter, slot));
        }
        result.problems.insert(result.problems.end(), view.problems.begin(), view.problems.end());
        return view;
    };
    for (std::uint32_t number = 0; number < ceremony_rounds; ++number) {
        const RoundView view = look(number, root, ceremony_slots(charter, number));
        if (!view.round.complete()) {
            return result;
        }
        root = view.round.root();
    }
    auto contributions =
        follow_contributions(charter, ceremony_rounds, root, [&](const ContributionRound& round) {
            return Expected<RoundView>(look(round.number, round.previous_root, round.slots));
        });
    if (!contributions) {
        return tl::unexpected<ErrorInfo>(contributions.error());
    }
    result.contributions = std::move(*contributions);
    return result;
}

JointResult run_joint_training(const Charter& charter, const CharterPlan& plan, const Board& board,
                               const Contributions& contributions, const JointProgress& progress,
                               std::stop_token stop, JointTimes* times) {
    const auto start = std::chrono::steady_clock::now();
    progress("joint keys", -1);
    const SeenRounds seen = look_again(charter, board, contributions.root);
    const JointKeys keys = value_or_throw(joint_keys(charter, plan.joint().keys(), seen.keys));
    UploadSum sum(plan);
    const auto contributors = charter.contributors();
    for (std::size_t i = 0; i < contributors.size(); ++i) {
        require_going(stop);
        progress("sum of the uploads",
                 static_cast<double>(i) / static_cast<double>(contributors.size()));
        const auto bytes =
            value_or_throw(uploaded_bytes(*seen.contributions.uploads, contributors[i]));
        sum.add(bytes, charter.describe(contributors[i]));
    }
    const auto trained = std::chrono::steady_clock::now();
    require_going(stop);
    const int iterations = plan.joint().task().iterations;
    progress("training", 0);
    const Ciphertext model =
        train_jointly(plan.joint(), keys.evaluation_keys, sum.sum(), [&](int iteration) {
            progress("training", static_cast<double>(iteration) / iterations);
            require_going(stop);
        });
    JointResult result{.c0 = model.part(0).copy(), .c1 = model.part(1).copy()};
    result.digest =
        ciphertext_digest(plan.parameters(), plan.joint().release_level(), result.c0, result.c1);
    if (times != nullptr) {
        times->aggregate = std::chrono::duration<double>(trained - start).count();
        times->train = seconds_since(trained);
    }
    return result;
}

Expected<std::vector<std::uint8_t>> result_to_bytes(const Charter& charter, const Digest& root,
                                                    const JointResult& result) {
    ByteWriter out;
    out.string(result_magic);
    out.bytes(charter_digest(charter));
    out.bytes(root);
    const auto parameters = Parameters::from_bytes(charter.parameters);
    if (!parameters) {
        return tl::unexpected<ErrorInfo>(parameters.error());
    }
    for (const RnsPoly* poly : {&result.c0, &result.c1}) {
        write_poly(out, parameters->ring(), *poly, poly->limbs() - 1);
    }
    return out.take();
}

Expected<JointResult> result_from_bytes(std::span<const std::uint8_t> bytes, const Charter& charter,
                                        const CharterPlan& plan, const Digest& root) {
    ByteReader in(bytes);
    if (in.string(64) != result_magic) {
        in.fail("this is no result of a joint training");
    }
    const auto charter_id = in.bytes(sizeof(Digest));
    const auto own_root = in.bytes(sizeof(Digest));
    JointResult result;
    for (RnsPoly* poly : {&result.c0, &result.c1}) {
        *poly = read_poly(in, plan.parameters().ring(), plan.joint().release_level() + 1,
                          plan.joint().release_level());
    }
    if (auto done = in.finish("the result"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (!std::ranges::equal(charter_id, charter_digest(charter)) ||
        !std::ranges::equal(own_root, root)) {
        return make_error(ErrorCode::fingerprint_mismatch,
                          "was trained under another charter, or on other uploads than those that "
                          "are there: have the server train again");
    }
    result.digest =
        ciphertext_digest(plan.parameters(), plan.joint().release_level(), result.c0, result.c1);
    return result;
}

Expected<void> write_result(const CharterFiles& files, const Charter& charter,
                            const Contributions& contributions, const JointResult& result) {
    const auto bytes = result_to_bytes(charter, contributions.root, result);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    return write_file(files.result(), *bytes);
}

Expected<JointResult> read_result(const CharterFiles& files, const Charter& charter,
                                  const CharterPlan& plan, const Contributions& contributions) {
    const auto bytes = read_file(files.result(), largest_result);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    auto result = result_from_bytes(*bytes, charter, plan, contributions.root);
    if (!result) {
        return make_error(result.error().code, "{}: {}", files.result().string(),
                          result.error().message);
    }
    return result;
}

}  // namespace cipherfit
