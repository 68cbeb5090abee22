// The server's progress as a line of text for its parent, and on a progress line.
#pragma once

#include "cipherfit/protocol/observer.h"
#include "common/progress_line.h"

#include <optional>
#include <string>
#include <string_view>

namespace cipherfit {

// "@progress phase done total level bytes_written work_done", and back; nothing for any other line.
std::string encode_progress(const Progress& progress);
std::optional<Progress> decode_progress(std::string_view line);

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
