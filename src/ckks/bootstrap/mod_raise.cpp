#include "ckks/bootstrap/mod_raise.h"

#include "cipherfit/base/error.h"
#include "ckks/bootstrap/raised_ciphertext.h"
#include "rlwe/key_switch_single.h"

namespace cipherfit {

Ciphertext mod_raise(const EvaluationKeys& keys, const Ciphertext& a, std::size_t level) {
    require(a.level() == 0 && a.size() == 2, ErrorCode::level_mismatch,
            "only a ciphertext of 2 parts at level 0 can be raised, this has {} at level {}",
            a.size(), a.level());
    const Ring& ring = keys.parameters().ring();
    const SwitchingKey& release = keys.get(KeyId::sparse_release(), level);
    const LowestPair sparse =
        switch_single(ring, a.part(0), a.part(1), keys.get(KeyId::sparse_encapsulation(), 0));
    return lower(ring, switch_single_raised(ring, sparse, release, level), a.scale(), false);
}

}  // namespace cipherfit
