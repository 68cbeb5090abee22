// What the commands for several owners share.
#pragma once

#include "cipherfit/protocol/owner/member_session.h"
#include "cli/owner_files.h"
#include "cli/remote_steps.h"
#include "common/progress_line.h"
#include "common/test_parameters.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace cipherfit {

// The directories of a member's command.
struct MemberPlaces {
    std::filesystem::path member, charter;
    double wait_seconds = 0;
    RemoteOptions remote;
    std::vector<std::string> clients;  // of the other members, to make the charter known
    bool quiet = false;
};
void add_member_places(CLI::App& app, MemberPlaces& places);
void add_wait_option(CLI::App& app, double& seconds);

// A member's session. What it writes for others is made under the caller's umask. With a service,
// the directory is brought up to date first.
class JointSession {
  public:
    explicit JointSession(const MemberPlaces& places)
        : service_(service_of(places)),
          session_(places.member, places.charter, test_parameters()) {}
    MemberSession& operator*() noexcept { return session_; }
    MemberSession* operator->() noexcept { return &session_; }
    // None without a service.
    RemoteCharter* service() noexcept { return service_.get(); }

  private:
    static std::unique_ptr<RemoteCharter> service_of(const MemberPlaces& places);

    std::unique_ptr<RemoteCharter> service_;
    SharedFiles shared_;
    MemberSession session_;
};

// Repeats the step until it is done or the time is over, and prints what was sent. Throws
// Error(bad_input), naming whom it waits for, where time was given and is over; without any, what
// is missing is printed. Returns whether it is done.
// With a service, what the others sent is fetched before each step, and what it made is sent.
bool run_steps(const MemberPlaces& places, JointSession& session,
               const std::function<StepReport()>& step, const std::string& done);

// Shows a training's progress.
JointProgress shown_progress(ProgressLine& line);

// The digest as members read it to each other.
std::string spoken(const Digest& digest);

}  // namespace cipherfit
