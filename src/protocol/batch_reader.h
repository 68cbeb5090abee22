// The mini-batches of a job, from its store, one ahead of the training.
#pragma once

#include "cipherfit/protocol/job_files.h"

#include <cstddef>
#include <future>
#include <optional>

namespace cipherfit {

// Files are read, not mapped: one that is truncated while it is mapped would kill the process, and
// every byte is hashed once, in order, anyway.
class BatchReader {
  public:
    // Looks whether every batch is there and begins as one of this job. Throws Error(bad_input),
    // naming the first that is missing, and what the container reader reports. `store`
    // and `job` must outlive this object.
    BatchReader(const JobStore& store, const Job& job);

    // The batch, and from then on the next one is read while this one is in use. Throws Error:
    // corrupt_data, fingerprint_mismatch or io_failure, naming the file.
    EncryptedTrainingData operator()(std::size_t batch);

  private:
    struct Ahead {
        std::size_t batch = 0;
        std::future<Expected<EncryptedTrainingData>> data;
    };
    Ahead read(std::size_t batch) const;

    const JobStore& store_;
    const Job& job_;
    std::optional<Ahead> next_;
};

}  // namespace cipherfit
