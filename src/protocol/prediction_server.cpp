// The server's work on a prediction's directory; holds no secret.
#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"
#include "cipherfit/protocol/prediction_files.h"

#include <unistd.h>
#include <utility>

namespace cipherfit {
namespace {

double physical_memory_bytes() {
    return static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
           static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

// The server's model, brought to the plan's size, and the factor that was taken out.
struct PlainModel {
    RowMatrix weights;
    double factor = 1.0;
};

PlainModel read_plain_model(const std::filesystem::path& path, const PredictionPlan& plan) {
    PlainModel model{value_or_throw(read_npy_matrix(path)), 1.0};
    const PredictionShape& shape = plan.shape();
    require(static_cast<std::size_t>(model.weights.rows()) == shape.classes &&
                static_cast<std::size_t>(model.weights.cols()) == shape.features,
            ErrorCode::bad_input,
            "{}: has {} classes and {} features, the rows were encrypted for {} and {}: give the "
            "model that the owner was told of",
            path.string(), model.weights.rows(), model.weights.cols() - 1, shape.classes,
            shape.features - 1);
    require(model.weights.allFinite(), ErrorCode::bad_input, "{}: holds values that are not finite",
            path.string());
    const double largest = model.weights.cwiseAbs().maxCoeff();
    if (largest > 0) {
        model.factor = largest / largest_weight;
        model.weights /= model.factor;
        // A division may round beyond the largest.
        model.weights = model.weights.cwiseMin(largest_weight).cwiseMax(-largest_weight);
    }
    return model;
}

EncryptedScores score(const PredictionFiles& files, const PredictionJob& job,
                      const PredictionOptions& options) {
    const PredictionPlan& plan = job.plan;
    std::vector<Ciphertext> rows = value_or_throw(read_prediction_rows(files.rows(), job));
    if (plan.shape().encrypted_model) {
        const auto model = value_or_throw(read_prediction_model(files.model(), job));
        const auto keys = value_or_throw(read_prediction_keys(files.evaluation_keys(), job));
        return {predict_encrypted(plan, keys, std::move(rows), model), 1.0};
    }
    const PlainModel model = read_plain_model(options.model, plan);
    const auto keys = value_or_throw(read_prediction_keys(files.evaluation_keys(), job));
    const MatrixView view{model.weights.data(), static_cast<std::size_t>(model.weights.rows()),
                          static_cast<std::size_t>(model.weights.cols())};
    return {predict_plain(plan, keys, rows, view), model.factor};
}

}  // namespace

PredictionJob run_prediction_job(const std::filesystem::path& directory,
                                 const PredictionOptions& options) {
    const PredictionFiles files{directory};
    const auto lock = value_or_throw(DirectoryLock::acquire(directory));
    remove_stale_files(directory);
    PredictionJob job = value_or_throw(read_prediction_plan(files.plan(), options.tests));
    const bool encrypted = job.plan.shape().encrypted_model;
    require(!encrypted || options.model.empty(), ErrorCode::bad_input,
            "{}: brings an encrypted model of its own: leave out the server's model",
            files.plan().string());
    require(encrypted || !options.model.empty(), ErrorCode::bad_input,
            "{}: is for a model of the server's: give the server a model", files.plan().string());
    const double needed = job.plan.memory_bytes();
    const double limit =
        options.memory_limit_bytes > 0 ? options.memory_limit_bytes : physical_memory_bytes();
    require(needed <= limit, ErrorCode::bad_input,
            "{}: the job needs {:.1f} GB of memory, the limit is {:.1f} GB: ask the owner for "
            "fewer rows at a time",
            files.plan().string(), needed / 1e9, limit / 1e9);
    value_or_throw(write_scores(files.scores(), job, score(files, job, options)));
    return job;
}

}  // namespace cipherfit
