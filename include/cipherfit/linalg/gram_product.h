// The one product of a dual training iteration, K A, on encrypted matrices in the Gram layout,
// and what lies between two of them.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/gram_layout.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// Levels at which a training plan calls the operations, for key requests.
struct GramLevels {
    std::size_t product = 0;    // of multiply's operand, at most the Gram matrix's
    std::size_t fold = 0;       // of fold_lanes, at least product - 1
    std::size_t replicate = 0;  // of replicate
    bool uses_product = true;   // whether multiply and fold_lanes are called at all
    bool uses_replicate = true;
};

class EncryptedGram {
  public:
    // `blocks`: gram_blocks() ciphertexts of one level and scale. The operations must outlive
    // this object.
    EncryptedGram(Operations& operations, const GramLayout& layout, std::vector<Handle> blocks);

    // K A + added, before the fold over lanes, from A's replicas; rescaled: one level, scale
    // a.scale Gram matrix scale / q. `added` (values, or nullptr) is brought to the product's
    // scale. Key switches: G - 1 hoisted, and a relinearisation and a rotation a giant (the last
    // one's rotation does not occur).
    Handle multiply(const Handle& replicas, const Handle* added) const;

    // The sum over lanes, right in lane 0 only: log2(L) KS.
    static Handle fold_lanes(Operations& operations, const GramLayout& layout, Handle product);
    // Values (lanes g > 0 zero) to replicas: log2(L) KS.
    static Handle replicate(Operations& operations, const GramLayout& layout, Handle values);

    // The keys that all of the above need at those levels.
    static KeyRequest keys(const GramLayout& layout, const GramLevels& levels);

  private:
    Operations& operations_;
    GramLayout layout_;
    std::vector<Handle> blocks_;
};

}  // namespace cipherfit
