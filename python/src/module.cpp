// The extension cipherfit._core.
#include "bindings.h"

NB_MODULE(_core, module) {
    using namespace cipherfit::python;
    module.doc() = "cipherfit's C++ library. Use the package cipherfit, which documents it.";
    translate_errors();
    bind_training(module);
    bind_features(module);
    bind_ckks(module);
    bind_layouts(module);
    bind_several_owners(module);
}
