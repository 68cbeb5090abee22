#include "solver/primal/owner/primal_owner.h"

#include "cipherfit/base/secure.h"
#include "solver/owner/model_reader.h"
#include "solver/owner/send_messages.h"
#include "solver/primal/owner/primal_noise.h"
#include "solver/primal/primal_solver.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cipherfit {

std::vector<std::vector<double>> pack_states(const TrainingPlan& plan, const RowMatrix& states) {
    const PrimalSolver& solver = primal_solver(plan);
    const LaneLayout& layout = solver.layout();
    std::vector<std::vector<double>> blocks;
    for (std::size_t group = 0; group < solver.class_groups(); ++group) {
        const std::size_t first = group * layout.classes();
        const std::size_t count = std::min(layout.classes(), plan.shape().heads - first);
        RowMatrix part =
            RowMatrix::Zero(static_cast<Eigen::Index>(layout.classes()), states.cols());
        part.topRows(static_cast<Eigen::Index>(count)) =
            states.middleRows(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(count));
        for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
            blocks.push_back(layout.pack_model(view(part), b));
        }
    }
    return blocks;
}

RowMatrix unpack_states(const TrainingPlan& plan, std::span<const std::vector<double>> blocks) {
    const PrimalSolver& solver = primal_solver(plan);
    const LaneLayout& layout = solver.layout();
    const auto columns = static_cast<Eigen::Index>(plan.shape().features);
    RowMatrix states(static_cast<Eigen::Index>(plan.shape().heads), columns);
    for (std::size_t group = 0; group < solver.class_groups(); ++group) {
        std::vector<double> values = layout.unpack_model(
            blocks.subspan(group * layout.feature_blocks(), layout.feature_blocks()));
        const std::size_t first = group * layout.classes();
        const auto count =
            static_cast<Eigen::Index>(std::min(layout.classes(), plan.shape().heads - first));
        states.middleRows(static_cast<Eigen::Index>(first), count) =
            Eigen::Map<const RowMatrix>(values.data(), count, columns);
        secure_wipe(values.data(), values.size() * sizeof(double));
    }
    return states;
}

namespace {

class PrimalReader : public ModelReader {
  public:
    explicit PrimalReader(const TrainingPlan& plan) : plan_(plan) {}
    RowMatrix model(int /*iteration*/, const SlotBlocks& blocks) override {
        return unpack_states(plan_, blocks);
    }

  private:
    const TrainingPlan& plan_;
};

class PrimalOwner : public OwnerSolver {
  public:
    std::string_view form() const noexcept override { return "primal"; }

    StateRun run(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                 const StateVisitor& visit) const override {
        TwinResult result = run_twin(data, recipe, noise, [&](const TwinIteration& after) {
            visit(after.iteration, after.main, after.extrapolated);
        });
        return {std::move(result.max_abs_z), result.max_abs_state, result.max_abs_held,
                std::move(result.main), std::move(result.extrapolated)};
    }

    NoiseModel noise(const TrainingPlan& plan) const override { return primal_noise(plan); }

    RefreshView refresh_view(const TrainingPlan& plan,
                             const PreparedData& /*data*/) const override {
        return {.pack = [&plan](const RowMatrix& state) { return pack_states(plan, state); },
                .one_scale = false,
                .with_last = true};
    }

    void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                          const std::function<void(TrainingMessage)>& use) const override;

    std::unique_ptr<ModelReader> reader(const TrainingPlan& plan,
                                        const RowMatrix& /*xs*/) const override {
        return std::make_unique<PrimalReader>(plan);
    }
};

void PrimalOwner::for_each_message(const TrainingPlan& plan, const PreparedData& data,
                                   std::size_t batch,
                                   const std::function<void(TrainingMessage)>& use) const {
    const MessageSender send(plan, batch, use);
    const PrimalSolver& solver = primal_solver(plan);
    const LaneLayout& layout = solver.layout();
    // Rows that a last batch lacks are zero, in the labels too: their errors vanish.
    const BatchRows rows = file_rows(plan.recipe(), plan.shape().samples, batch);
    const auto rows_of = [&](const RowMatrix& matrix, double offset) {
        RowMatrix padded =
            RowMatrix::Zero(static_cast<Eigen::Index>(layout.samples()), matrix.cols());
        const auto count = static_cast<Eigen::Index>(rows.count);
        padded.topRows(count) =
            matrix.middleRows(static_cast<Eigen::Index>(rows.first), count).array() + offset;
        return padded;
    };
    const RowMatrix xs = rows_of(data.xs, 0.0);
    for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
        for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
            send(features_message, layout.pack_features(view(xs), rho, b));
        }
    }
    // Heads that a last group lacks are zero columns: their weights stay zero.
    const auto send_groups = [&](std::string_view name, const RowMatrix& matrix) {
        for (std::size_t group = 0; group < solver.class_groups(); ++group) {
            const std::size_t first = group * layout.classes();
            const std::size_t count = std::min(layout.classes(), plan.shape().heads - first);
            RowMatrix part =
                RowMatrix::Zero(matrix.rows(), static_cast<Eigen::Index>(layout.classes()));
            part.leftCols(static_cast<Eigen::Index>(count)) = matrix.middleCols(
                static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(count));
            for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
                send(name, layout.pack_logits(view(part), rho));
            }
        }
    };
    send_groups(labels_message, rows_of(data.y, -0.5));
    if (plan.initial_logits()) {
        send_groups(logits_message, rows_of(data.z0, 0.0));
    }
}

}  // namespace

const OwnerSolver& primal_owner() {
    static const PrimalOwner owner;
    return owner;
}

}  // namespace cipherfit
