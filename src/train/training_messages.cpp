#include "cipherfit/train/training_messages.h"

#include "cipherfit/base/secure.h"
#include "cipherfit/train/twin.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

MatrixView view(const RowMatrix& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.rows()),
            static_cast<std::size_t>(matrix.cols())};
}

void require_fit(const TrainingPlan& plan, const PreparedData& data) {
    const TrainingShape shape{static_cast<std::size_t>(data.samples()),
                              static_cast<std::size_t>(data.columns()), plan.shape().classes,
                              static_cast<std::size_t>(data.heads())};
    require(shape == plan.shape(), ErrorCode::invalid_argument,
            "the data is {} x {} with {} heads, the plan says {} x {} with {}", shape.samples,
            shape.features, shape.heads, plan.shape().samples, plan.shape().features,
            plan.shape().heads);
    require(plan.initial_logits() || data.zero_start(), ErrorCode::invalid_argument,
            "the data starts from weights that are not zero, the plan from zero");
}

}  // namespace

void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                      const std::function<void(TrainingMessage)>& use) {
    require_fit(plan, data);
    require(batch < plan.batches(), ErrorCode::invalid_argument, "there is no batch {} of {}",
            batch, plan.batches());
    const auto send = [&](MessageKind kind, std::vector<double> slots) {
        const bool features = kind == MessageKind::features;
        const double scale = features                      ? plan.feature_scale()
                             : kind == MessageKind::labels ? plan.label_scale()
                             : kind == MessageKind::logits ? plan.logit_scale()
                                                           : plan.start_scale();
        const std::size_t level = features                     ? plan.feature_level(batch)
                                  : kind == MessageKind::start ? plan.start_level()
                                                               : plan.label_level(batch);
        use({kind, std::move(slots), level, scale});
    };
    if (plan.solver() == Solver::dual) {
        const RowMatrix labels = data.y.array() - 0.5;
        const KernelLayout& layout = plan.kernel();
        if (plan.kernel_source() == KernelSource::owner) {
            const RowMatrix kernel = gram_matrix(data);
            for (std::size_t q = 0; q < layout.kernel_blocks(); ++q) {
                send(MessageKind::features, layout.pack_kernel(view(kernel), q));
            }
        } else {
            const std::size_t chunks = layout.feature_chunks(plan.shape().features);
            for (std::size_t p = 0; p < chunks; ++p) {
                send(MessageKind::features, layout.pack_rows(view(data.xs), p));
            }
            for (std::size_t p = 0; p < chunks; ++p) {
                send(MessageKind::features, layout.pack_skewed_rows(view(data.xs), p));
            }
        }
        send(MessageKind::labels, layout.pack_values(view(labels)));
        if (plan.initial_logits()) {
            send(MessageKind::logits, layout.pack_values(view(data.z0)));
        } else {
            send(MessageKind::start, layout.pack_replicas(view(labels)));
        }
        return;
    }
    const LaneLayout& layout = plan.layout();
    // Rows that a last batch lacks are zero, in the labels too: their errors vanish.
    const BatchRows rows = batch_rows(plan.recipe(), plan.shape().samples, batch);
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
            send(MessageKind::features, layout.pack_features(view(xs), rho, b));
        }
    }
    // Heads that a last group lacks are zero columns: their weights stay zero.
    const auto send_groups = [&](MessageKind kind, const RowMatrix& matrix) {
        for (std::size_t group = 0; group < plan.class_groups(); ++group) {
            const std::size_t first = group * layout.classes();
            const std::size_t count = std::min(layout.classes(), plan.shape().heads - first);
            RowMatrix part =
                RowMatrix::Zero(matrix.rows(), static_cast<Eigen::Index>(layout.classes()));
            part.leftCols(static_cast<Eigen::Index>(count)) = matrix.middleCols(
                static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(count));
            for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
                send(kind, layout.pack_logits(view(part), rho));
            }
        }
    };
    send_groups(MessageKind::labels, rows_of(data.y, -0.5));
    if (plan.initial_logits()) {
        send_groups(MessageKind::logits, rows_of(data.z0, 0.0));
    }
}

std::vector<std::vector<double>> pack_states(const TrainingPlan& plan, const RowMatrix& states) {
    const LaneLayout& layout = plan.layout();
    std::vector<std::vector<double>> blocks;
    for (std::size_t group = 0; group < plan.class_groups(); ++group) {
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
    const LaneLayout& layout = plan.layout();
    const auto columns = static_cast<Eigen::Index>(plan.shape().features);
    RowMatrix states(static_cast<Eigen::Index>(plan.shape().heads), columns);
    for (std::size_t group = 0; group < plan.class_groups(); ++group) {
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

}  // namespace cipherfit
