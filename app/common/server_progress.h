// The server's progress on a progress line.
#pragma once

#include "cipherfit/protocol/progress_text.h"
#include "common/progress_line.h"

#include <optional>
#include <string>

namespace cipherfit {

// Shows the server's phases, its level, iteration, time left and bytes written.
class ServerProgressView {
  public:
    explicit ServerProgressView(ProgressLine& line) : line_(line) {}
    void show(const Progress& progress);

  private:
    void begin(Progress::Phase phase, const std::string& name);

    ProgressLine& line_;
    std::optional<Progress::Phase> phase_;
    std::uint64_t first_iteration_ = 0;
    double first_work_ = 0;  // predicted work that had been done by then
};

}  // namespace cipherfit
