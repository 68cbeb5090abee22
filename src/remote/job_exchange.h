// A job's directory and the service: what is missing there is sent, what came out is fetched. The
// directory is all that the owner's side keeps, so that a run that ended anywhere goes on.
#pragma once

#include "remote/service_client.h"

#include <filesystem>
#include <functional>
#include <string>

namespace cipherfit {

class JobExchange {
  public:
    // A directory with plan.cft or prediction_plan.cft. Both must outlive the object.
    JobExchange(ServiceClient& client, std::filesystem::path directory);

    // Makes the job known, or finds it: the service knows a plan again.
    RemoteJob create(const RemoteTraining& training = {});
    // The job that create() has noted in the directory. Throws Error(bad_input) if there is none.
    RemoteJob find();
    // Sends what the service asks for and does not have, and puts the job into the queue, where a
    // job that failed or was cancelled goes on as well. Nothing happens for one that is further.
    RemoteJob submit();
    // Follows the job until it is done, fails or awaits a review. `event` returns whether to go on.
    RemoteJob follow(const std::function<bool(const RemoteJob&)>& event);
    // Gets the results that are not in the directory yet: model or scores, report, checkpoints.
    void fetch();
    // Tells the service an answer that lies in the directory.
    RemoteJob post_answer(int iteration);
    void remove();

    const std::string& id() const noexcept { return job_.id; }

  private:
    int iterations() const;
    std::uint64_t most_bytes_of_a_result() const;
    void send(const RemoteFile& file);
    std::filesystem::path plan_file() const;
    std::filesystem::path note() const { return directory_ / ".service"; }

    ServiceClient& client_;
    std::filesystem::path directory_;
    RemoteJob job_;
};

// Whether a name that the service says is one of a job's results, for a training of so many
// iterations: it becomes a path.
bool is_result(const std::string& name, int iterations);

// Throws Error for a job that has no result: it failed, was cancelled or stopped.
void require_success(const ServiceClient& client, const RemoteJob& job);

}  // namespace cipherfit
