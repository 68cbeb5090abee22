// Helpers of the solvers' owner's halves.
#pragma once

#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/solver/owner/owner_solver.h"

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace cipherfit {

inline MatrixView view(const RowMatrix& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.rows()),
            static_cast<std::size_t>(matrix.cols())};
}

// Sends slots under the name of a sequence, at the level and scale that the plan gives it.
class MessageSender {
  public:
    MessageSender(const TrainingPlan& plan, std::size_t batch,
                  const std::function<void(TrainingMessage)>& use)
        : shapes_(plan.messages(batch)), use_(use) {}
    void operator()(std::string_view name, std::vector<double> slots) const {
        const SequenceShape shape = sequence_of(shapes_, name);
        use_({shape.name, std::move(slots), shape.level, shape.scale});
    }

  private:
    std::vector<SequenceShape> shapes_;
    const std::function<void(TrainingMessage)>& use_;
};

}  // namespace cipherfit
