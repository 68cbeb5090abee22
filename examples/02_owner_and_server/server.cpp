// The server: trains on what it cannot read, and links no library that knows a secret key.
#include "cipherfit/protocol/training_session.h"

#include <fmt/format.h>

using namespace cipherfit;

struct Printed final : Observer {
    void on_progress(const Progress& progress) override {
        if (progress.phase == Progress::Phase::train && progress.done > 0) {
            fmt::print("server: iteration {} done, {} levels left\n", progress.done,
                       progress.level);
        }
    }
};

void train_job(JobStore& job) {
    // What comes from outside is checked before it is used. A run that is killed goes on from its
    // checkpoint.
    Printed printed;
    TrainingSession(job, {}, &printed).train();
}
