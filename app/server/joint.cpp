#include "server/joint.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/joint_training.h"
#include "common/progress_line.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause{250};

SignedCharter signed_by_all(const CharterFiles& files) {
    SignedCharter charter = value_or_throw(read_charter(files));
    const auto missing = charter.unsigned_members();
    require(missing.empty(), ErrorCode::bad_input,
            "the charter is not signed by {} yet: nothing happens before all have signed",
            missing.empty() ? "" : charter.charter.describe(missing[0]));
    return charter;
}

// The contributions, once they are complete. Throws Error(bad_input) where the time is over.
Contributions wait_for_uploads(const Charter& charter, const Board& board, double seconds) {
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    std::set<std::string> told;
    while (true) {
        JointRounds rounds = value_or_throw(look_at_rounds(charter, board));
        for (const std::string& problem : rounds.problems) {
            if (told.insert(problem).second) {
                print_error("refused: {}\n", problem);
            }
        }
        if (rounds.contributions && rounds.contributions->complete()) {
            return std::move(*rounds.contributions);
        }
        require(Clock::now() < end, ErrorCode::bad_input,
                "the members have not uploaded everything yet: missing {} {}",
                rounds.waiting_for.size() == 1 ? "is" : "are", fmt::join(rounds.waiting_for, ", "));
        check_interrupt();
        std::this_thread::sleep_for(pause);
    }
}

void write_report(const CharterFiles& files, const JointResult& result, const JointTimes& times,
                  double seconds) {
    const nlohmann::json json{{"version", version()},
                              {"isa", isa()},
                              {"threads", thread_count()},
                              {"digest", to_hex(result.digest)},
                              {"aggregate_seconds", times.aggregate},
                              {"training_seconds", times.train},
                              {"total_seconds", seconds},
                              {"peak_rss_bytes", peak_resident_bytes()}};
    const std::string text = json.dump(2) + "\n";
    value_or_throw(write_file(files.directory / "server_report.json",
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

}  // namespace

bool is_charter_directory(const std::filesystem::path& directory) {
    return std::filesystem::exists(CharterFiles{directory}.charter());
}

void serve_charter(const JointServerOptions& options) {
    const auto start = Clock::now();
    const CharterFiles files{options.directory};
    const auto lock = value_or_throw(DirectoryLock::acquire(files.directory));
    remove_stale_files(files.directory);
    const SignedCharter charter = signed_by_all(files);
    const CharterPlan plan = value_or_throw(CharterPlan::of(charter.charter));
    const Board board(files.messages());
    const Contributions contributions =
        wait_for_uploads(charter.charter, board, options.wait_seconds);
    if (std::filesystem::exists(files.result())) {
        const auto there = read_result(files, charter.charter, plan, contributions);
        if (there) {
            if (!options.run.quiet) {
                print_error("the result is there already: nothing to do\n");
            }
            return;
        }
    }
    ProgressLine line(options.run.quiet);
    std::string shown;
    JointTimes times;
    const JointResult result = run_joint_training(
        charter.charter, plan, board, contributions,
        [&](std::string_view phase, double share) {
            if (phase != shown) {
                shown = std::string(phase);
                line.phase("server: " + shown);
            }
            line.update(share, "");
        },
        stop_on_signal(), &times);
    value_or_throw(write_result(files, charter.charter, contributions, result));
    line.finish();
    write_report(files, result, times, std::chrono::duration<double>(Clock::now() - start).count());
}

}  // namespace cipherfit
