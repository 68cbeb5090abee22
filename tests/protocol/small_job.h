// A whole job on a small ring: data, plan, key, and the files that both parties write.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/training_session.h"
#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/recipe.h"
#include "io/test_files.h"
#include "protocol/owner/unchecked_access.h"

#include <filesystem>
#include <functional>
#include <random>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit::testing {

// What came out of a decryption, before the checks.
template <class What>
const RowMatrix& values(const Unchecked<What>& unchecked) {
    return UncheckedAccess::values(unchecked);
}

// The store of a job's files, as an argument.
struct StoredFiles {
    DirectoryStore store;
    operator JobStore&() { return store; }  // NOLINT(google-explicit-constructor)
};
inline StoredFiles stored(const JobFiles& files) {
    return {DirectoryStore(files.directory)};
}

// A session of the server's over a directory, from beginning to end. `each_step` sees its progress.
inline TrainingReport train(const std::filesystem::path& directory,
                            const TrainingOptions& options = {}, std::stop_token stop = {},
                            std::function<void(const Progress&)> each_step = {}) {
    class Seen final : public Observer {
      public:
        explicit Seen(std::function<void(const Progress&)> each_step)
            : each_step_(std::move(each_step)) {}
        void on_progress(const Progress& progress) override {
            if (each_step_) {
                each_step_(progress);
            }
        }

      private:
        std::function<void(const Progress&)> each_step_;
    };
    Seen seen(std::move(each_step));
    DirectoryStore store(directory);
    return TrainingSession(store, options, &seen).train(std::move(stop));
}

inline TrainingOptions for_tests(int keep_every = 0, int review_every = 0) {
    TrainingOptions options;
    options.tests = TestParameters::allow;
    options.keep_every = keep_every;
    options.review_every = review_every;
    return options;
}

struct SmallJob {
    explicit SmallJob(const Recipe& recipe, unsigned seed = 1, std::string_view solver = "primal")
        : SmallJob(recipe, seed, options(solver)) {}

    SmallJob(const Recipe& recipe, unsigned seed, const PlanOptions& options)
        : raw(10, 5),
          labels(sample_labels()),
          preprocessing((fill(seed), fit_preprocessing(raw, recipe.preset, batch_share(recipe)))),
          data(prepare(raw, labels, 3, preprocessing, recipe)),
          job{TrainingPlan::create({10, 6, 3}, recipe, options), {}},
          key(SecretKey::generate(job.plan.parameters())) {
        job.identity = job_identity(job.plan, key.id(), {1, 2, 3});
    }

    // Everything that the owner sends.
    void write(JobStore& store) const {
        value_or_throw(write_plan(store.put(contents::plan), job));
        value_or_throw(write_evaluation_keys(store.put(contents::evaluation_keys), job, key));
        if (job.plan.row_files() == 1) {
            value_or_throw(write_training_data(store.put(contents::training_data), job, key, data));
        } else {
            value_or_throw(write_training_batches(store, job, key, data));
        }
    }
    void write(const JobFiles& files) const { write(stored(files)); }

    static PlanOptions options(std::string_view solver) {
        PlanOptions options;
        options.solver = solver;
        options.log_n = 9;
        options.insecure_for_tests_only = true;
        options.refresh = PlanOptions::Refresh::never;
        return options;
    }

    // With bootstrappings, of numbers that tests hold their twins to.
    static constexpr double largest_refreshed = 10;
    static PlanOptions refreshed_options(std::string_view solver) {
        PlanOptions options = SmallJob::options(solver);
        options.log_n = 10;
        options.memory_limit_bytes = 1e12;
        options.refresh = PlanOptions::Refresh::always;
        options.refresh_range = largest_refreshed;
        return options;
    }

    RowMatrix raw;
    std::vector<int> labels;
    Preprocessing preprocessing;
    PreparedData data;
    Job job;
    SecretKey key;

  private:
    static double batch_share(const Recipe& recipe) {
        return static_cast<double>(rows_per_batch(recipe, 10)) / 10;
    }
    static std::vector<int> sample_labels() { return {0, 1, 2, 0, 1, 2, 0, 1, 2, 0}; }
    void fill(unsigned seed) {
        std::mt19937_64 engine(seed);
        std::uniform_real_distribution<double> uniform(-1, 1);
        for (Eigen::Index i = 0; i < raw.rows(); ++i) {
            for (Eigen::Index j = 0; j < raw.cols(); ++j) {
                raw(i, j) = uniform(engine) + (j == labels[static_cast<std::size_t>(i)] ? 2 : 0);
            }
        }
    }
};

}  // namespace cipherfit::testing
