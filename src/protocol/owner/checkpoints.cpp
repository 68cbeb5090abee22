#include "cipherfit/protocol/owner/checkpoints.h"

#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/train/segments.h"
#include "protocol/owner/unchecked_access.h"

#include <string>
#include <utility>

namespace cipherfit {
namespace {

TrainingState read_kept(const JobStore& store, const Job& job, int iteration) {
    const std::string name = contents::kept_checkpoint(iteration);
    TrainingState state =
        value_or_throw(read_state(store.get(name), ContainerKind::checkpoint, job));
    require(state.iteration == iteration, ErrorCode::corrupt_data,
            "{}: stands at iteration {}: remove it", store.label(name), state.iteration);
    return state;
}

// A_M and A_U at the boundaries, from the sums of the segments that end there.
class JoinedCoefficients {
  public:
    JoinedCoefficients(const Job& job, const SecretKey& key)
        : job_(job),
          key_(key),
          main_(RowMatrix::Zero(static_cast<Eigen::Index>(job.plan.shape().samples),
                                static_cast<Eigen::Index>(job.plan.shape().heads))),
          extrapolated_(main_) {}

    // The boundaries in their order, none left out.
    void join(const TrainingState& state) {
        const int begin = state.iteration - job_.plan.segment_length();
        const Eigen::Matrix2d t = transport(job_.plan.recipe(), begin, state.iteration);
        RowMatrix main = t(0, 0) * main_ + t(0, 1) * extrapolated_;
        RowMatrix extrapolated = t(1, 0) * main_ + t(1, 1) * extrapolated_;
        main += decrypt_coefficients(job_, key_, state.segment.at(0));
        if (state.segment.size() > 1) {
            extrapolated += decrypt_coefficients(job_, key_, state.segment[1]);
        } else {  // U = M
            extrapolated = main;
        }
        main_ = std::move(main);
        extrapolated_ = std::move(extrapolated);
    }
    const RowMatrix& model() const {
        return job_.plan.recipe().model == ModelSequence::main ? main_ : extrapolated_;
    }

  private:
    const Job& job_;
    const SecretKey& key_;
    RowMatrix main_, extrapolated_;
};

std::vector<CheckpointModel> join_segments(const JobStore& store, const Job& job,
                                           const SecretKey& key, const RowMatrix& xs,
                                           DecryptionRecord& record) {
    require(static_cast<std::size_t>(xs.rows()) == job.plan.shape().samples,
            ErrorCode::invalid_argument, "the models' coefficients belong to {} rows, got {}",
            job.plan.shape().samples, xs.rows());
    std::vector<CheckpointModel> models;
    JoinedCoefficients coefficients(job, key);
    const int every = job.plan.segment_length();
    for (int iteration = every; iteration < job.plan.recipe().iterations &&
                                store.exists(contents::kept_checkpoint(iteration));
         iteration += every) {
        const TrainingState state = read_kept(store, job, iteration);
        record.begin(job.identity, iteration, digest_of(state.segment));
        coefficients.join(state);
        models.push_back({iteration, UncheckedModel(coefficients.model().transpose() * xs)});
    }
    return models;
}

}  // namespace

std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs) {
    DecryptionRecord none;
    return decrypt_checkpoints(store, job, key, xs, none);
}

std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs,
                                                 DecryptionRecord& record) {
    if (job.plan.adds_up_errors()) {
        return job.plan.has_intermediate_models() ? join_segments(store, job, key, xs, record)
                                                  : std::vector<CheckpointModel>{};
    }
    std::vector<CheckpointModel> models;
    const Recipe& recipe = job.plan.recipe();
    for (int iteration = 1; iteration < recipe.iterations; ++iteration) {
        if (!store.exists(contents::kept_checkpoint(iteration))) {
            continue;
        }
        const TrainingState state = read_kept(store, job, iteration);
        const bool main = recipe.model == ModelSequence::main;
        const auto& blocks = main ? state.main : state.extrapolated;
        record.begin(job.identity, iteration, digest_of(blocks));
        models.push_back({iteration, decrypt_model(job, key, blocks, xs)});
    }
    return models;
}

int last_kept_checkpoint(const JobStore& store, const TrainingPlan& plan) {
    const int every = plan.models_every();
    int last = 0;
    for (int iteration = every; every > 0 && iteration < plan.recipe().iterations;
         iteration += every) {
        last = store.exists(contents::kept_checkpoint(iteration)) ? iteration : last;
    }
    return last;
}

}  // namespace cipherfit
