// Progress on stderr: on a terminal one line that rewrites itself, elsewhere plain lines, one when
// a phase ends and one every ten seconds of a long phase. Nothing at all where quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cipherfit {

// "37.2 MB"; "1 min 20 s"; "1,260".
std::string format_bytes(double bytes);
std::string format_seconds(double seconds);
std::string format_count(std::uint64_t count);

class ProgressLine {
  public:
    explicit ProgressLine(bool quiet);
    ~ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    // Begins a phase, ending the one before.
    void phase(const std::string& name);
    // `share` of the phase's work is done, 0..1, or unknown where negative; `milestone` prints a
    // plain line however little time passed.
    void update(double share, const std::string& detail, bool milestone = false);
    // The clock went on, nothing else: rewrites a terminal's line.
    void tick();
    // Ends the phase as done.
    void finish();

  private:
    using Clock = std::chrono::steady_clock;
    std::string line() const;
    void clear_line() const;

    bool quiet_;
    bool terminal_;
    std::string phase_;  // empty between phases
    std::string detail_;
    double share_ = -1;
    Clock::time_point started_, share_at_, printed_;
};

}  // namespace cipherfit
