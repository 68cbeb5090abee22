#include "cipherfit/protocol/prediction_session.h"

#include "protocol/physical_memory.h"

#include <utility>

namespace cipherfit {
namespace {

// The server's model, brought to the plan's size, and the factor that was taken out.
struct ScaledModel {
    RowMatrix weights;
    double factor = 1.0;
};

ScaledModel scaled(const ServerModel& given, const PredictionPlan& plan) {
    ScaledModel model{given.weights, 1.0};
    const PredictionShape& shape = plan.shape();
    require(static_cast<std::size_t>(model.weights.rows()) == shape.classes &&
                static_cast<std::size_t>(model.weights.cols()) == shape.features,
            ErrorCode::bad_input,
            "{}: has {} classes and {} features, the rows were encrypted for {} and {}: give the "
            "model that the owner was told of",
            given.name, model.weights.rows(), model.weights.cols() - 1, shape.classes,
            shape.features - 1);
    require(model.weights.allFinite(), ErrorCode::bad_input, "{}: holds values that are not finite",
            given.name);
    const double largest = model.weights.cwiseAbs().maxCoeff();
    if (largest > 0) {
        model.factor = largest / largest_weight;
        model.weights /= model.factor;
        // A division may round beyond the largest.
        model.weights = model.weights.cwiseMin(largest_weight).cwiseMax(-largest_weight);
    }
    return model;
}

}  // namespace

class PredictionSession::Run {
  public:
    Run(JobStore& store, const PredictionOptions& options, Observer* observer)
        : store_(store),
          observer_(observer),
          hold_(value_or_throw(store.hold())),
          job_(value_or_throw(
              read_prediction_plan(store.get(contents::prediction_plan), options.tests))) {
        const bool encrypted = job_.plan.shape().encrypted_model;
        const std::string plan = store.label(contents::prediction_plan);
        require(!encrypted || !options.model, ErrorCode::bad_input,
                "{}: brings an encrypted model of its own: leave out the server's model", plan);
        require(encrypted || options.model, ErrorCode::bad_input,
                "{}: is for a model of the server's: give the server a model", plan);
        require_memory(job_.plan.memory_bytes(), options.memory_limit_bytes, plan,
                       "ask the owner for fewer rows at a time");
        if (options.model) {
            model_ = scaled(*options.model, job_.plan);
        }
    }

    const PredictionJob& job() const noexcept { return job_; }

    void score(const std::stop_token& stop) {
        tell(Progress::Phase::load_data, stop);
        std::vector<Ciphertext> rows =
            value_or_throw(read_prediction_rows(store_.get(contents::prediction_rows), job_));
        std::vector<Ciphertext> encrypted;
        if (!model_) {
            encrypted =
                value_or_throw(read_prediction_model(store_.get(contents::prediction_model), job_));
        }
        tell(Progress::Phase::load_keys, stop);
        const EvaluationKeys keys =
            value_or_throw(read_prediction_keys(store_.get(contents::evaluation_keys), job_));
        tell(Progress::Phase::score, stop);
        const EncryptedScores scores =
            model_ ? EncryptedScores{predict_plain(job_.plan, keys, rows, view(model_->weights)),
                                     model_->factor}
                   : EncryptedScores{predict_encrypted(job_.plan, keys, std::move(rows), encrypted),
                                     1.0};
        value_or_throw(write_scores(store_.put(contents::scores), job_, scores));
    }

  private:
    static MatrixView view(const RowMatrix& matrix) {
        return {matrix.data(), static_cast<std::size_t>(matrix.rows()),
                static_cast<std::size_t>(matrix.cols())};
    }
    void tell(Progress::Phase phase, const std::stop_token& stop) const {
        require(!stop.stop_requested(), ErrorCode::interrupted,
                "stopped before there were scores: run again");
        if (observer_ != nullptr) {
            observer_->on_progress({.phase = phase});
        }
    }

    JobStore& store_;
    Observer* observer_;
    std::unique_ptr<JobHold> hold_;
    PredictionJob job_;
    std::optional<ScaledModel> model_;
};

PredictionSession::PredictionSession(JobStore& store, const PredictionOptions& options,
                                     Observer* observer)
    : run_(std::make_unique<Run>(store, options, observer)) {}
PredictionSession::~PredictionSession() = default;
PredictionSession::PredictionSession(PredictionSession&&) noexcept = default;

const PredictionJob& PredictionSession::job() const noexcept {
    return run_->job();
}

void PredictionSession::score(std::stop_token stop) {
    run_->score(stop);
}

}  // namespace cipherfit
