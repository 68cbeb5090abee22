#include "cipherfit/train/encrypted_predictor.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/linalg/plain_model_product.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

void check_blocks(const std::vector<Ciphertext>& blocks, const char* what, std::size_t count,
                  const PredictionPlan& plan) {
    require(blocks.size() == count, ErrorCode::corrupt_data,
            "the plan has {} ciphertexts of {}, got {}", count, what, blocks.size());
    const bool fit = std::all_of(blocks.begin(), blocks.end(), [&](const Ciphertext& block) {
        return block.size() == 2 && block.level() == plan.level() &&
               same_scale(block.scale(), plan.scale());
    });
    require(fit, ErrorCode::corrupt_data,
            "a ciphertext of {} is not at the level and scale that the plan says", what);
}

std::vector<Ciphertext> finish(const PredictionPlan& plan, Operations& operations,
                               const std::vector<Handle>& products) {
    std::vector<Handle> scores;
    scores.reserve(products.size());
    for (const Handle& product : products) {
        scores.push_back(
            EncryptedFeatures::fold_lanes(operations, plan.layout(), operations.rescale(product)));
    }
    return release_all(std::move(scores));
}

}  // namespace

std::vector<Ciphertext> predict_encrypted(const PredictionPlan& plan, const EvaluationKeys& keys,
                                          std::vector<Ciphertext> rows,
                                          const std::vector<Ciphertext>& model) {
    require(plan.shape().encrypted_model, ErrorCode::invalid_argument,
            "the plan is for a model in the clear: give that");
    check_blocks(rows, "rows", plan.row_ciphertexts(), plan);
    check_blocks(model, "the model", plan.model_ciphertexts(), plan);
    keys.check(plan.keys());
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    const EncryptedFeatures features(operations, plan.layout(), plan.shifts(),
                                     to_handles(std::move(rows)), true);
    return finish(plan, operations, features.multiply_model(borrow_all(model)));
}

std::vector<Ciphertext> predict_plain(const PredictionPlan& plan, const EvaluationKeys& keys,
                                      const std::vector<Ciphertext>& rows, MatrixView model) {
    require(!plan.shape().encrypted_model, ErrorCode::invalid_argument,
            "the plan is for an encrypted model: give that");
    check_blocks(rows, "rows", plan.row_ciphertexts(), plan);
    const bool small =
        std::all_of(model.data, model.data + model.rows * model.columns,
                    [](double w) { return w >= -largest_weight && w <= largest_weight; });
    require(small, ErrorCode::invalid_argument,
            "a weight is not within [-{}, {}]: scale the model first", largest_weight,
            largest_weight);
    keys.check(plan.keys());
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    return finish(
        plan, operations,
        multiply_plain_model(operations, plan.layout(), borrow_all(rows), model, plan.scale()));
}

}  // namespace cipherfit
