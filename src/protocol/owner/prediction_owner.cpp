#include "cipherfit/protocol/owner/prediction_owner.h"

#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/owner/unchecked_access.h"
#include "protocol/owner/wipe_blocks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace cipherfit {
namespace {

constexpr double deviations = 12;

// sum_j w_kj c_j, to 64 bits: with c far from the origin the bias cancels most of it.
Eigen::VectorXd shifted_bias(const RowMatrix& weights, const Eigen::RowVectorXd& centre) {
    Eigen::VectorXd bias(weights.rows());
    for (Eigen::Index k = 0; k < weights.rows(); ++k) {
        long double sum = weights(k, 0);
        for (Eigen::Index j = 0; j < centre.size(); ++j) {
            sum += static_cast<long double>(weights(k, j + 1)) * centre(j);
        }
        bias(k) = static_cast<double>(sum);
    }
    return bias;
}

void require_finite(const PredictionInputs& inputs) {
    require(inputs.rows.allFinite() && inputs.model.allFinite() && std::isfinite(inputs.factor),
            ErrorCode::bad_input,
            "rows or weights are too large to be scaled: bring the features to a smaller range");
}

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

Expected<void> write_blocks(ContentSink to, ContainerKind kind, const PredictionJob& job,
                            const SecretKey& key, std::size_t count,
                            const std::function<std::vector<double>(std::size_t)>& slots_of) {
    const auto write = [&](ContainerWriter& writer) {
        require_key(job, key);
        const PredictionPlan& plan = job.plan;
        const Encoder encoder(plan.parameters());
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<double> slots = slots_of(i);
            const SeededCiphertext sealed =
                encrypt_seeded(key, encoder.encode(slots, plan.level(), plan.scale()));
            secure_wipe(slots.data(), slots.size() * sizeof(double));
            write_seeded_section(writer, plan.parameters(), static_cast<std::uint32_t>(i), sealed);
        }
    };
    return without_bytes(write_content(std::move(to), kind, job.identity, write));
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
    inputs.model.col(0) = shifted_bias(head.weights, mean);
    inputs.model.rightCols(raw.cols()).array().rowwise() *= spread.array();
    inputs.factor = normalise(inputs.rows, inputs.rows.cwiseAbs().rowwise().sum().maxCoeff(),
                              largest_row_norm) *
                    normalise(inputs.model, inputs.model.cwiseAbs().maxCoeff(), largest_weight);
    require_finite(inputs);
    return inputs;
}

PredictionInputs prediction_inputs(const RowMatrix& raw) {
    PredictionInputs inputs;
    inputs.rows.resize(raw.rows(), raw.cols() + 1);
    inputs.rows.col(0).setOnes();
    inputs.rows.rightCols(raw.cols()) = raw;
    inputs.factor =
        normalise(inputs.rows, inputs.rows.cwiseAbs().rowwise().sum().maxCoeff(), largest_row_norm);
    require_finite(inputs);
    return inputs;
}

Expected<void> write_prediction_keys(ContentSink to, const PredictionJob& job,
                                     const SecretKey& key) {
    const auto write = [&](ContainerWriter& writer) {
        require_key(job, key);
        const KeyGenerator generator(key);
        const KeyRequest request = job.plan.keys();
        std::uint32_t index = 0;
        for (const auto& [id, level] : request.levels()) {
            write_key_section(writer, job.plan.parameters(), index++,
                              generator.switching_key(id, level));
        }
    };
    return without_bytes(
        write_content(std::move(to), ContainerKind::evaluation_keys, job.identity, write));
}

Expected<void> write_prediction_rows(ContentSink to, const PredictionJob& job, const SecretKey& key,
                                     const RowMatrix& rows) {
    const PredictionPlan& plan = job.plan;
    require_shape(rows, plan.shape().samples, plan.shape().features, "the rows");
    const std::size_t blocks = plan.layout().feature_blocks();
    return write_blocks(std::move(to), ContainerKind::prediction_rows, job, key,
                        plan.row_ciphertexts(), [&](std::size_t i) {
                            return plan.layout().pack_features(view(rows), i / blocks, i % blocks);
                        });
}

Expected<void> write_prediction_model(ContentSink to, const PredictionJob& job,
                                      const SecretKey& key, const RowMatrix& model) {
    const PredictionPlan& plan = job.plan;
    require_shape(model, plan.shape().classes, plan.shape().features, "the weights");
    return write_blocks(std::move(to), ContainerKind::prediction_model, job, key,
                        plan.model_ciphertexts(),
                        [&](std::size_t i) { return plan.layout().pack_model(view(model), i); });
}

UncheckedScores decrypt_scores(const PredictionJob& job, const SecretKey& key,
                               const EncryptedScores& scores, double factor) {
    require_key(job, key);
    const Encoder encoder(job.plan.parameters());
    std::vector<std::vector<double>> blocks;
    blocks.reserve(scores.blocks.size());
    for (const Ciphertext& block : scores.blocks) {
        blocks.push_back(encoder.decode(decrypt(key, block)));
    }
    std::vector<double> values = job.plan.layout().unpack_logits(blocks);
    wipe(blocks);
    RowMatrix result = Eigen::Map<const RowMatrix>(
        values.data(), static_cast<Eigen::Index>(job.plan.shape().samples),
        static_cast<Eigen::Index>(job.plan.shape().classes));
    secure_wipe(values.data(), values.size() * sizeof(double));
    result *= scores.factor * factor;
    return UncheckedScores(std::move(result));
}

RowMatrix scores_in_the_clear(const PredictionInputs& inputs) {
    return inputs.factor * (inputs.rows * inputs.model.transpose());
}

double score_error_bound(const PredictionPlan& plan, double factor) {
    // Scores in the clear: d products and sums of |x|_1 |w| at most, and two factors.
    const double rounding = (static_cast<double>(plan.shape().features) + 2) * 0x1p-53 *
                            largest_row_norm * largest_weight;
    return (deviations * plan.score_error() + rounding) * factor;
}

RowMatrix release_scores(DecryptionRecord& record, const PredictionJob& job, const SecretKey& key,
                         const EncryptedScores& scores, double factor, const RowMatrix* expected) {
    Sha256 hash;
    hash.update(digest_of(scores.blocks));
    ByteWriter header;
    header.f64(scores.factor);
    hash.update(header.view());
    record.begin(job.identity, 0, hash.finish());
    const UncheckedScores unchecked = decrypt_scores(job, key, scores, factor);
    const RowMatrix& values = UncheckedAccess::values(unchecked);
    const bool accepted =
        values.allFinite() && (expected == nullptr || (values - *expected).cwiseAbs().maxCoeff() <=
                                                          score_error_bound(job.plan, factor));
    if (!accepted) {
        record.refuse();
    }
    record.accept();
    return values;
}

}  // namespace cipherfit
