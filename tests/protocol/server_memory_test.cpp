// What a server's pool of polynomials comes to hold while it trains, against what the planner, the
// report and the server itself predict (train/cost.h).
#include "base/idle_blocks.h"
#include "cipherfit/base/buffer.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/training_session.h"
#include "cipherfit/train/cost.h"
#include "cipherfit/train/owner/preprocess.h"
#include "io/test_files.h"
#include "protocol/small_job.h"
#include "support/small_rings.h"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace cipherfit::testing {
namespace {

using ServerMemoryTest = FileTest;

struct Shape {
    int samples, features, classes, iterations, degree;
    std::string_view solver;
    KernelSource kernel = KernelSource::owner;
    int batch = 0;
};

// 54 of them: all solvers, both kernels, groups of classes, mini-batches, all degrees.
std::vector<Shape> shapes() {
    std::vector<Shape> all;
    for (const int samples : {9, 40, 60}) {
        for (const int classes : {2, 5, 40}) {
            all.push_back({samples, 7, classes, 3, 3, "primal"});
            all.push_back({samples, 90, classes, 2, 1, "primal"});
            all.push_back({samples, 20, classes, 2, 7, "primal"});
        }
        for (const int degree : {1, 3, 5, 7}) {
            all.push_back({samples, 11, 3, 3, degree, "dual"});
        }
        all.push_back({samples, 11, 3, 2, 3, "dual", KernelSource::server});
        all.push_back({samples, 30, 2, 2, 3, "dual", KernelSource::server});
        all.push_back({samples, 12, 3, 4, 3, "primal", KernelSource::owner, samples / 3});
        all.push_back({samples, 11, 3, 3, 1, "statistics"});
        all.push_back({samples, 60, 2, 4, 1, "statistics"});
    }
    return all;
}

std::string described(const Shape& s) {
    return fmt::format("{} x {} x {}, {} iterations of degree {}, {}, {}'s kernel, batches of {}",
                       s.samples, s.features, s.classes, s.iterations, s.degree, s.solver,
                       name(s.kernel), s.batch);
}

TEST_F(ServerMemoryTest, PoolIsAsPredicted) {
    int compared = 0;
    int number = 0;
    for (const Shape& s : shapes()) {
        if (test::small_rings() && number++ % 4 != 0) {
            continue;
        }
        SCOPED_TRACE(described(s));
        Recipe recipe = standard_recipe(s.iterations, 1.0, fit_sigmoid(s.degree, 8));
        recipe.batch = s.batch;
        if (batch_count(recipe, static_cast<std::size_t>(s.samples)) >
            static_cast<std::size_t>(s.iterations)) {
            continue;
        }
        std::mt19937_64 engine(7);
        std::uniform_real_distribution<double> uniform(-1, 1);
        RowMatrix raw(s.samples, s.features);
        std::vector<int> labels;
        for (Eigen::Index i = 0; i < raw.rows(); ++i) {
            labels.push_back(static_cast<int>(i) % s.classes);
            for (Eigen::Index j = 0; j < raw.cols(); ++j) {
                raw(i, j) = uniform(engine);
            }
        }
        const PreparedData data =
            prepare(raw, labels, s.classes, fit_preprocessing(raw, recipe.preset), recipe);
        PlanOptions options;
        options.solver = s.solver;
        options.kernel = s.kernel;
        options.log_n = 9;
        options.memory_limit_bytes = 1e12;
        options.insecure_for_tests_only = true;
        options.refresh = PlanOptions::Refresh::never;
        const TrainingShape shape{static_cast<std::size_t>(s.samples),
                                  static_cast<std::size_t>(s.features) + 1,
                                  static_cast<std::size_t>(s.classes)};
        Job job{TrainingPlan::create(shape, recipe, options), {}};
        const SecretKey key = SecretKey::generate(job.plan.parameters());
        job.identity = job_identity(job.plan, key.id(), {1, 2, 3});
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        const JobFiles files{directory_};
        value_or_throw(write_plan(files.plan(), job));
        value_or_throw(write_evaluation_keys(files.evaluation_keys(), job, key));
        if (s.batch == 0) {
            value_or_throw(write_training_data(files.training_data(), job, key, data));
        } else {
            value_or_throw(write_training_batches(stored(files), job, key, data));
        }
        trim_pool();
        const std::size_t before = pooled_bytes();
        TrainingOptions server;
        server.tests = TestParameters::allow;
        DirectoryStore store(directory_);
        std::optional<TrainingSession> session(std::in_place, store, server);
        session->train();
        const auto grown = static_cast<double>(pooled_bytes() - before);
        session.reset();
        EXPECT_EQ(pooled_bytes(), before);
        // Which idle block serves which thread depends on their order, and a batch that is read
        // ahead may find idle memory.
        const std::size_t threads = thread_count();
        const double predicted = server_memory(job.plan, threads).pool_bytes;
        const auto scratch = static_cast<double>((threads - 1) * 5 * block_bytes(512));
        EXPECT_LE(grown, predicted + (s.kernel == KernelSource::server ? scratch : 0));
        EXPECT_GE(grown, (s.batch == 0 ? 0.95 : 0.7) * predicted);
        ++compared;
    }
    EXPECT_GE(compared, test::small_rings() ? 10 : 40);
}

}  // namespace
}  // namespace cipherfit::testing
