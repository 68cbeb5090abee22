// What the owner of the data encrypts, in the slots, levels and scales that the plan gives it.
#pragma once

#include "cipherfit/train/plan.h"
#include "cipherfit/train/preprocess.h"

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace cipherfit {

enum class MessageKind { features, labels, logits, start };

// One ciphertext's content; see EncryptedTrainingData for the kinds.
struct TrainingMessage {
    MessageKind kind = MessageKind::features;
    std::vector<double> slots;
    std::size_t level = 0;
    double scale = 0;
};

// Calls `use` for every message of a batch, 0..plan.batches()-1, kind after kind in the order of
// the enumeration. `data`: all samples. Throws Error(invalid_argument) where the data's shape or
// start is not the plan's.
void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                      const std::function<void(TrainingMessage)>& use);

// The blocks of a primal plan's states, of c x d, group after group; and back: what decrypted
// states are: c x d, from the slots of all blocks.
std::vector<std::vector<double>> pack_states(const TrainingPlan& plan, const RowMatrix& states);
RowMatrix unpack_states(const TrainingPlan& plan, std::span<const std::vector<double>> blocks);

}  // namespace cipherfit
