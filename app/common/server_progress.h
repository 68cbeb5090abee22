// The server's progress as a line of text for its parent, and on a progress line.
#pragma once

#include "cipherfit/protocol/training_server.h"
#include "common/progress_line.h"

#include <optional>
#include <string>
#include <string_view>

namespace cipherfit {

// "@progress phase done total level bytes_written work_done", and back; nothing for any other line.
std::string encode_progress(const ServerProgress& progress);
std::optional<ServerProgress> decode_progress(std::string_view line);

// Shows the server's phases, its level, iteration, time left and bytes written.
class ServerProgressView {
  public:
    explicit ServerProgressView(ProgressLine& line) : line_(line) {}
    void show(const ServerProgress& progress);

  private:
    void begin(ServerProgress::Phase phase, const std::string& name);

    ProgressLine& line_;
    std::optional<ServerProgress::Phase> phase_;
    std::uint64_t first_iteration_ = 0;
    double first_work_ = 0;  // predicted work that had been done by then
};

}  // namespace cipherfit
