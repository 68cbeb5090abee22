// How decrypted slots become a model. It is internal, because what it gives is numbers that nothing
// has checked yet.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

namespace cipherfit {

// Makes models, c x d in scaled coordinates, of the decrypted blocks of Solver::model_sequence().
class ModelReader {
  public:
    ModelReader() = default;
    ModelReader(const ModelReader&) = delete;
    ModelReader& operator=(const ModelReader&) = delete;
    virtual ~ModelReader() = default;
    // Iterations must ascend. Where models are joined (Solver::joins_models()), none of those
    // before the last iteration may be left out.
    virtual RowMatrix model(int iteration, const SlotBlocks& blocks) = 0;
};

}  // namespace cipherfit
