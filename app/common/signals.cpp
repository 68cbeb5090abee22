#include "common/signals.h"

#include "cipherfit/base/error.h"

#include <csignal>
#include <unistd.h>

namespace cipherfit {
namespace {

std::atomic<bool> requested{false};
std::atomic<int> received{0};
std::atomic<int> child{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// Only what is safe in a signal handler.
extern "C" void on_signal(int signal) {
    const int process = child.load();
    if (process > 0) {
        static_cast<void>(::kill(process, signal));
    }
    // While a child works, it decides when to stop; its parent reports what it says.
    if (requested.exchange(true) && process == 0) {
        ::_exit(status_interrupted);
    }
    received = signal;
}

void handle(int signal, void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    static_cast<void>(::sigaction(signal, &action, nullptr));
}

}  // namespace

void install_signal_handlers() {
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
}

const std::atomic<bool>& stop_requested() noexcept {
    return requested;
}

int stop_signal() noexcept {
    return received;
}

void forward_signals_to(int process) noexcept {
    child = process;
    // A signal that came before the child was known reaches it now.
    if (process > 0 && requested) {
        static_cast<void>(::kill(process, received));
    }
}

void check_interrupt() {
    require(!requested, ErrorCode::interrupted,
            "stopped by a signal: give the same command again to go on");
}

}  // namespace cipherfit
