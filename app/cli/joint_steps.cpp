#include "cli/joint_steps.h"

#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <chrono>
#include <set>
#include <thread>

#include <fmt/format.h>

namespace cipherfit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause{250};
constexpr std::size_t most_named = 8;

std::string joined(std::vector<std::string> items) {
    const std::size_t more = items.size() > most_named ? items.size() - most_named : 0;
    items.resize(items.size() - more);
    std::string text = fmt::format("{}", fmt::join(items, ", "));
    if (more > 0) {
        text += fmt::format(" and {} more", more);
    }
    return text;
}

}  // namespace

void add_wait_option(CLI::App& app, double& seconds) {
    app.add_option("--wait", seconds,
                   "How many seconds to look again for what is missing; 0: look once")
        ->capture_default_str()
        ->check(real_number(0, 1e9))
        ->type_name("SECONDS");
}

std::unique_ptr<RemoteCharter> JointSession::service_of(const MemberPlaces& places) {
    return places.remote.given() ? std::make_unique<RemoteCharter>(places.remote, places.charter,
                                                                   places.clients, places.quiet)
                                 : nullptr;
}

void add_member_places(CLI::App& app, MemberPlaces& places) {
    app.add_option("--member", places.member, "The member's private directory")
        ->required()
        ->type_name("DIR");
    app.add_option("--charter", places.charter, "The charter's directory, which all share")
        ->required()
        ->type_name("DIR");
    add_remote_options(app, places.remote);
    app.add_option("--clients", places.clients,
                   "The names in the other members' certificates, once, by whoever makes the "
                   "charter known to the service")
        ->group("Service")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->needs("--server")
        ->type_name("NAME,...");
}

bool run_steps(const MemberPlaces& places, JointSession& session,
               const std::function<StepReport()>& step, const std::string& done) {
    RemoteCharter* service = session.service();
    const auto end = Clock::now() + std::chrono::duration<double>(places.wait_seconds);
    std::set<std::string> told;
    while (true) {
        const StepReport report = step();
        if (service != nullptr && !report.posted.empty()) {
            service->synchronise();
        }
        for (const std::string& sent : report.posted) {
            print_summary("  {:<22}{}\n", "sent", sent);
        }
        for (const std::string& problem : report.problems) {
            if (told.insert(problem).second) {
                print_error("refused: {}\n", problem);
            }
        }
        if (report.done) {
            print_summary("  {:<22}{}\n", "done", done);
            return true;
        }
        if (Clock::now() >= end) {
            require(places.wait_seconds == 0, ErrorCode::bad_input,
                    "after {} s round {} still waits for {}", places.wait_seconds, report.round,
                    joined(report.waiting_for));
            print_summary("  {:<22}{}\n  {:<22}{}\n", "round", report.round, "waiting for",
                          joined(report.waiting_for));
            return false;
        }
        check_interrupt();
        std::this_thread::sleep_for(service != nullptr ? 4 * pause : pause);
        if (service != nullptr) {
            service->synchronise();
        }
    }
}

JointProgress shown_progress(ProgressLine& line) {
    return [&line, last = std::string()](std::string_view phase, double share) mutable {
        if (phase != last) {
            last = std::string(phase);
            line.phase(last);
        }
        line.update(share, "");
        check_interrupt();
    };
}

std::string spoken(const Digest& digest) {
    const std::string hex = to_hex(digest);
    std::string text;
    for (std::size_t i = 0; i < hex.size(); i += 4) {
        text += (i == 0 ? "" : " ") + hex.substr(i, 4);
    }
    return text;
}

}  // namespace cipherfit
