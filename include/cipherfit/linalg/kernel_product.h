// The one product of a dual training iteration, K A, on encrypted matrices in the kernel layout,
// and what lies between two of them.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/kernel_layout.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// Levels at which a training plan calls the operations, for key requests.
struct KernelLevels {
    std::size_t product = 0;    // of multiply's operand, at most the kernel's
    std::size_t fold = 0;       // of fold_lanes, at least product - 1
    std::size_t replicate = 0;  // of replicate
    bool uses_product = true;   // whether multiply and fold_lanes are called at all
    bool uses_replicate = true;
};

class EncryptedKernel {
  public:
    // `blocks`: kernel_blocks() ciphertexts of one level and scale. The evaluator must outlive
    // this object.
    EncryptedKernel(const Evaluator& evaluator, const KernelLayout& layout,
                    std::vector<Ciphertext> blocks);

    // K A + added, before the fold over lanes, from A's replicas; rescaled: one level, scale
    // a.scale kernel scale / q. `added` (values, or nullptr) is brought to the product's scale.
    // Key switches: G - 1 hoisted, and a relinearisation and a rotation a giant (the last one's
    // rotation does not occur).
    Ciphertext multiply(const Ciphertext& replicas, const Ciphertext* added) const;

    // The sum over lanes, right in lane 0 only: log2(L) KS.
    static Ciphertext fold_lanes(const Evaluator& evaluator, const KernelLayout& layout,
                                 Ciphertext product);
    // Values (lanes g > 0 zero) to replicas: log2(L) KS.
    static Ciphertext replicate(const Evaluator& evaluator, const KernelLayout& layout,
                                Ciphertext values);

    // The keys that all of the above need at those levels.
    static KeyRequest keys(const KernelLayout& layout, const KernelLevels& levels);

  private:
    const Evaluator& evaluator_;
    KernelLayout layout_;
    std::vector<Ciphertext> blocks_;
};

}  // namespace cipherfit
