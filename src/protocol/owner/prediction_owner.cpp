#include "cipherfit/protocol/owner/prediction_owner.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/packing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace cipherfit {
namespace {

constexpr double deviations = 12;

void require_key(const PredictionJob& job, const SecretKey& key) {
    require(key.parameters() == job.plan.parameters() && key.id() == job.identity.key,
            ErrorCode::fingerprint_mismatch,
            "the secret key is not the one of this prediction: use the key that was made for it");
}

MatrixView view(const RowMatrix& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.rows()),
            static_cast<std::size_t>(matrix.cols())};
}

void require_shape(const RowMatrix& matrix, std::size_t rows, std::size_t columns,
                   const char* what) {
    require(static_cast<std::size_t>(matrix.rows()) == rows &&
                static_cast<std::size_t>(matrix.cols()) == columns,
            ErrorCode::invalid_argument, "{} are {} x {}, the plan says {} x {}", what,
            matrix.rows(), matrix.cols(), rows, columns);
}

// Scales so that `largest` becomes `most`; what was taken out.
double normalise(RowMatrix& matrix, double largest, double most) {
    if (largest <= 0) {
        return 1;
    }
    matrix *= most / largest;
    return largest / most;
}

Expected<void> write_blocks(const std::filesystem::path& path, ContainerKind kind,
                            const PredictionJob& job, const SecretKey& key, std::size_t count,
                            const std::function<std::vector<double>(std::size_t)>& slots_of) {
    return expected([&] {
        require_key(job, key);
        const PredictionPlan& plan = job.plan;
        auto writer = value_or_throw(ContainerWriter::create(path, kind, job.identity));
        const Encoder encoder(plan.parameters());
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<double> slots = slots_of(i);
            const SeededCiphertext sealed =
                encrypt_seeded(key, encoder.encode(slots, plan.level(), plan.scale()));
            secure_wipe(slots.data(), slots.size() * sizeof(double));
            write_seeded_section(writer, plan.parameters(), static_cast<std::uint32_t>(i), sealed);
        }
        value_or_throw(writer.commit());
    });
}

}  // namespace

PredictionInputs prediction_inputs(const RowMatrix& raw, const Head& head) {
    require(raw.cols() == head.features(), ErrorCode::bad_input,
            "the rows have {} features, the model was trained on {}: give rows of the same kind",
            raw.cols(), head.features());
    const Eigen::RowVectorXd mean = raw.colwise().mean();
    Eigen::RowVectorXd spread = (raw.rowwise() - mean).cwiseAbs().colwise().maxCoeff();
    spread = (spread.array() > 0).select(spread, 1.0);
    PredictionInputs inputs;
    inputs.rows.resize(raw.rows(), raw.cols() + 1);
    inputs.rows.col(0).setOnes();
    inputs.rows.rightCols(raw.cols()) =
        ((raw.rowwise() - mean).array().rowwise() / spread.array()).matrix();
    inputs.model = head.weights;
    inputs.model.col(0) += head.weights.rightCols(raw.cols()) * mean.transpose();
    inputs.model.rightCols(raw.cols()).array().rowwise() *= spread.array();
    inputs.factor = normalise(inputs.rows, inputs.rows.cwiseAbs().rowwise().sum().maxCoeff(),
                              largest_row_norm) *
                    normalise(inputs.model, inputs.model.cwiseAbs().maxCoeff(), largest_weight);
    return inputs;
}

PredictionInputs prediction_inputs(const RowMatrix& raw) {
    PredictionInputs inputs;
    inputs.rows.resize(raw.rows(), raw.cols() + 1);
    inputs.rows.col(0).setOnes();
    inputs.rows.rightCols(raw.cols()) = raw;
    inputs.factor =
        normalise(inputs.rows, inputs.rows.cwiseAbs().rowwise().sum().maxCoeff(), largest_row_norm);
    return inputs;
}

Expected<void> write_prediction_keys(const std::filesystem::path& path, const PredictionJob& job,
                                     const SecretKey& key) {
    return expected([&] {
        require_key(job, key);
        auto writer = value_or_throw(
            ContainerWriter::create(path, ContainerKind::evaluation_keys, job.identity));
        const KeyGenerator generator(key);
        const KeyRequest request = job.plan.keys();
        std::uint32_t index = 0;
        for (const auto& [id, level] : request.levels()) {
            write_key_section(writer, job.plan.parameters(), index++,
                              generator.switching_key(id, level));
        }
        value_or_throw(writer.commit());
    });
}

Expected<void> write_prediction_rows(const std::filesystem::path& path, const PredictionJob& job,
                                     const SecretKey& key, const RowMatrix& rows) {
    const PredictionPlan& plan = job.plan;
    require_shape(rows, plan.shape().samples, plan.shape().features, "the rows");
    const std::size_t blocks = plan.layout().feature_blocks();
    return write_blocks(path, ContainerKind::prediction_rows, job, key, plan.row_ciphertexts(),
                        [&](std::size_t i) {
                            return plan.layout().pack_features(view(rows), i / blocks, i % blocks);
                        });
}

Expected<void> write_prediction_model(const std::filesystem::path& path, const PredictionJob& job,
                                      const SecretKey& key, const RowMatrix& model) {
    const PredictionPlan& plan = job.plan;
    require_shape(model, plan.shape().classes, plan.shape().features, "the weights");
    return write_blocks(path, ContainerKind::prediction_model, job, key, plan.model_ciphertexts(),
                        [&](std::size_t i) { return plan.layout().pack_model(view(model), i); });
}

RowMatrix decrypt_scores(const PredictionJob& job, const SecretKey& key,
                         const EncryptedScores& scores, double factor) {
    require_key(job, key);
    const Encoder encoder(job.plan.parameters());
    std::vector<std::vector<double>> blocks;
    blocks.reserve(scores.blocks.size());
    for (const Ciphertext& block : scores.blocks) {
        blocks.push_back(encoder.decode(decrypt(key, block)));
    }
    const std::vector<double> values = job.plan.layout().unpack_logits(blocks);
    RowMatrix result = Eigen::Map<const RowMatrix>(
        values.data(), static_cast<Eigen::Index>(job.plan.shape().samples),
        static_cast<Eigen::Index>(job.plan.shape().classes));
    result *= scores.factor * factor;
    require(result.allFinite(), ErrorCode::corrupt_data,
            "the decrypted scores hold values that are not finite: score the rows again");
    return result;
}

double score_error_bound(const PredictionPlan& plan, double factor) {
    return deviations * plan.score_error() * factor;
}

}  // namespace cipherfit
