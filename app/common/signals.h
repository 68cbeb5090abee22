// How both programs end early: the first SIGINT or SIGTERM asks to stop at the next safe point, the
// second one ends the process at once. SIGPIPE and SIGXFSZ are ignored, so that a closed pipe or a
// full disk is an error with a message and not a death.
#pragma once

#include <atomic>
#include <stop_token>

namespace cipherfit {

inline constexpr int status_interrupted = 130;

// Call once, first thing in main().
void install_signal_handlers();

// Whether a stop was asked for, and by which signal (0: none).
const std::atomic<bool>& stop_requested() noexcept;
int stop_signal() noexcept;

// The same as a token, which is told within moments of the signal.
std::stop_token stop_on_signal();

// From now on signals go to this child process as well; 0 ends that.
void forward_signals_to(int process) noexcept;

// Throws Error(interrupted) once a stop was asked for.
void check_interrupt();

// While one lives, nothing is being written: reading, planning, rehearsing. The first signal ends
// the process then, with a line on stderr and status_interrupted, however long the computation at
// hand takes. Begins with check_interrupt().
class StopAtOnce {
  public:
    StopAtOnce();
    ~StopAtOnce();
    StopAtOnce(const StopAtOnce&) = delete;
    StopAtOnce& operator=(const StopAtOnce&) = delete;
};

}  // namespace cipherfit
