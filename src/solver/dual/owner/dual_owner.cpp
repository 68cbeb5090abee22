#include "solver/dual/owner/dual_owner.h"

#include "cipherfit/base/secure.h"
#include "cipherfit/solver/owner/plain_run.h"
#include "solver/dual/dual_solver.h"
#include "solver/dual/owner/dual_noise.h"
#include "solver/owner/model_reader.h"
#include "solver/owner/send_messages.h"
#include "train/owner/twin_noise.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

RowMatrix unpack_coefficients(const TrainingPlan& plan, const std::vector<double>& replicas) {
    std::vector<double> values = dual_solver(plan).layout().unpack_replicas(replicas);
    const RowMatrix coefficients =
        Eigen::Map<const RowMatrix>(values.data(), static_cast<Eigen::Index>(plan.shape().samples),
                                    static_cast<Eigen::Index>(plan.shape().heads));
    secure_wipe(values.data(), values.size() * sizeof(double));
    return coefficients;
}

void require_rows(const TrainingPlan& plan, const RowMatrix& xs) {
    const TrainingShape& shape = plan.shape();
    require(static_cast<std::size_t>(xs.rows()) == shape.samples &&
                static_cast<std::size_t>(xs.cols()) == shape.features,
            ErrorCode::invalid_argument,
            "the model's coefficients belong to {} x {} scaled features, got {} x {}",
            shape.samples, shape.features, xs.rows(), xs.cols());
}

double largest_carried_logit(const PlainRun& run) {
    const RowMatrix kernel = gram_matrix(run.data());
    double largest = 0.0;
    run.visit([&](int /*t*/, const RowMatrix& main, const RowMatrix& extrapolated) {
        largest = std::max(
            {largest, largest_magnitude(kernel * main), largest_magnitude(kernel * extrapolated)});
    });
    return largest;
}

namespace {

class DualReader : public ModelReader {
  public:
    DualReader(const TrainingPlan& plan, const RowMatrix& xs) : plan_(plan), xs_(xs) {
        require_rows(plan, xs);
    }
    RowMatrix model(int /*iteration*/, const SlotBlocks& blocks) override {
        return unpack_coefficients(plan_, blocks.at(0)).transpose() * xs_;
    }

  private:
    const TrainingPlan& plan_;
    const RowMatrix& xs_;
};

}  // namespace

StateRun DualOwner::run(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                        const StateVisitor& visit) const {
    return run_dual_twin(data, recipe, noise, visit);
}

RowMatrix DualOwner::model(const RowMatrix& state, const PreparedData& data) const {
    return model_of(state, data);
}

NoiseModel DualOwner::noise(const TrainingPlan& plan) const {
    return dual_noise(plan);
}

double DualOwner::largest_refreshed(const PlainRun& run) const {
    return largest_carried_logit(run);
}

void DualOwner::for_each_message(const TrainingPlan& plan, const PreparedData& data,
                                 std::size_t batch,
                                 const std::function<void(TrainingMessage)>& use) const {
    const MessageSender send(plan, batch, use);
    const RowMatrix labels = data.y.array() - 0.5;
    const DualSolver& solver = dual_solver(plan);
    const KernelLayout& layout = solver.layout();
    if (solver.source() == KernelSource::owner) {
        const RowMatrix kernel = gram_matrix(data);
        for (std::size_t q = 0; q < layout.kernel_blocks(); ++q) {
            send(features_message, layout.pack_kernel(view(kernel), q));
        }
    } else {
        const std::size_t chunks = layout.feature_chunks(plan.shape().features);
        for (std::size_t p = 0; p < chunks; ++p) {
            send(features_message, layout.pack_rows(view(data.xs), p));
        }
        for (std::size_t p = 0; p < chunks; ++p) {
            send(features_message, layout.pack_skewed_rows(view(data.xs), p));
        }
    }
    send(labels_message, layout.pack_values(view(labels)));
    if (plan.initial_logits()) {
        send(logits_message, layout.pack_values(view(data.z0)));
    } else {
        send(start_message, layout.pack_replicas(view(labels)));
    }
}

std::unique_ptr<ModelReader> DualOwner::reader(const TrainingPlan& plan,
                                               const RowMatrix& xs) const {
    return std::make_unique<DualReader>(plan, xs);
}

const OwnerSolver& dual_owner() {
    static const DualOwner owner;
    return owner;
}

}  // namespace cipherfit
