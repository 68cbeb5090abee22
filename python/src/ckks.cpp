// cipherfit.ckks: CKKS on NumPy arrays.
#include "bindings.h"

namespace cipherfit::python {

void bind_ckks(nb::module_& module) {
    nb::module_ ckks = module.def_submodule("ckks", "CKKS. Use cipherfit.ckks.");
    bind_parameters(ckks);
    bind_keys(ckks);
    bind_polynomials(ckks);
    bind_ciphertexts(ckks);
    bind_evaluator(ckks);
}

}  // namespace cipherfit::python
