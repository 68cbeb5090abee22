// The server's work on an encrypted prediction: load, multiply, leave the scores. It holds no
// secret.
#pragma once

#include "cipherfit/io/matrix.h"
#include "cipherfit/protocol/observer.h"
#include "cipherfit/protocol/prediction_files.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace cipherfit {

// A model of the server's: classes x (features + 1), bias first. Messages call it by its name.
struct ServerModel {
    RowMatrix weights;
    std::string name;
};

struct PredictionOptions {
    std::optional<ServerModel> model = std::nullopt;  // none: the job's encrypted one
    double memory_limit_bytes = 0;                    // 0: the machine's
    TestParameters tests = TestParameters::refuse;
};

// One prediction. Sessions share nothing: several may work at once, each on a thread of its own.
class PredictionSession {
  public:
    // Takes hold of the job and reads its plan. `store` and `observer` must outlive the session.
    // Throws Error: busy; bad_input for a model of another shape, for one that is given although
    // the job brings one, for one that is missing, and for a plan that needs more memory; and what
    // the readers report.
    explicit PredictionSession(JobStore& store, const PredictionOptions& options = {},
                               Observer* observer = nullptr);
    ~PredictionSession();
    PredictionSession(PredictionSession&&) noexcept;
    PredictionSession& operator=(PredictionSession&&) = delete;

    const PredictionJob& job() const noexcept;

    // Leaves the scores, in place of what scores there are. Throws Error(interrupted) if a stop was
    // requested before they were computed, and what the readers report.
    void score(std::stop_token stop = {});

  private:
    class Run;
    std::unique_ptr<Run> run_;
};

}  // namespace cipherfit
