// A job that a service trains or scores, as commands show it.
#pragma once

#include "common/progress_line.h"
#include "common/server_progress.h"
#include "remote/charter_exchange.h"
#include "remote/job_exchange.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace cipherfit {

// Which service; none unless given.
struct RemoteOptions {
    std::string server;
    std::filesystem::path identity;
    double patience_seconds = 300;
    bool given() const noexcept { return !server.empty(); }
};
void add_remote_options(CLI::App& app, RemoteOptions& remote);

// A connection with its progress on the line. Signals end whatever it does.
class RemoteRun final : public ServiceObserver {
  public:
    // Greets the service: it is there and takes the identity. `what` goes on without this process:
    // "the training".
    RemoteRun(const RemoteOptions& options, ProgressLine& line);
    ServiceClient& client() noexcept { return client_; }

    void on_idle() override;
    void on_upload(const std::string& name, std::uint64_t done, std::uint64_t total) override;
    void on_download(const std::string& name, std::uint64_t done, std::uint64_t total) override;
    void on_job(const RemoteJob& job) override;
    void on_trouble(const std::string& reason) override;

  private:
    void begin(const std::string& phase);
    void transfer(const char* verb, const std::string& name, std::uint64_t done,
                  std::uint64_t total);

    ProgressLine& line_;
    std::string phase_;
    std::optional<ServerProgressView> view_;  // while the job runs
    bool follows_ = false;
    ServiceClient client_;
};

struct RemoteResult {
    double seconds = 0;  // that the server worked
    bool stopped_by_owner = false;
};

// Sends the job, follows it and fetches what came out. Throws Error: the service's reason; also
// Error(interrupted) for want of an answer to a review, for which it waits `review_wait` seconds.
RemoteResult run_at_service(RemoteRun& run, JobExchange& job, const std::filesystem::path& files,
                            const RemoteTraining& training, double review_wait = 0);

// Has the service forget the job, if it can be told now.
void forget_at_service(JobExchange& job);

// A charter on a service, and its directory here.
class RemoteCharter {
  public:
    RemoteCharter(const RemoteOptions& options, const std::filesystem::path& directory,
                  const std::vector<std::string>& clients, bool quiet);
    void synchronise() { exchange_.synchronise(); }
    void start_if_ready() { exchange_.start_if_ready(); }
    // Has the service train, follows it, and fetches the result. Throws Error if it fails.
    void fetch_result();

  private:
    ProgressLine line_;
    RemoteRun run_;
    std::string id_;
    CharterExchange exchange_;
};

}  // namespace cipherfit
