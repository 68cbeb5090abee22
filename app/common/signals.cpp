#include "common/signals.h"

#include "cipherfit/base/error.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace cipherfit {
namespace {

std::atomic<bool> requested{false};
std::atomic<int> received{0};
std::atomic<int> child{0};
std::atomic<int> at_once{0};  // how many StopAtOnce there are
std::atomic<bool> on_terminal{false};
std::atomic<int> wakened{-1};  // the event that a signal is told to, where there is one
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

constexpr std::string_view stopped =
    "cipherfit: stopped by a signal: give the same command again to begin anew\n";
constexpr std::string_view clear_line = "\r\x1b[2K";  // of the progress on a terminal

void tell(int event) {
    const std::uint64_t one = 1;
    static_cast<void>(::write(event, &one, sizeof(one)) >= 0);
}

// Only what is safe in a signal handler.
extern "C" void on_signal(int signal) {
    const int process = child.load();
    if (process > 0) {
        static_cast<void>(::kill(process, signal));
    }
    if (at_once.load() > 0) {
        if (on_terminal) {
            static_cast<void>(::write(STDERR_FILENO, clear_line.data(), clear_line.size()) >= 0);
        }
        static_cast<void>(::write(STDERR_FILENO, stopped.data(), stopped.size()) >= 0);
        ::_exit(status_interrupted);
    }
    // While a child works, it decides when to stop; its parent reports what it says.
    if (requested.exchange(true) && process == 0) {
        ::_exit(status_interrupted);
    }
    received = signal;
    if (const int event = wakened.load(); event >= 0) {
        tell(event);
    }
}

// A signal handler may not request a stop: a thread does that when the handler tells it.
class StopThread {
  public:
    StopThread() : event_(::eventfd(0, EFD_CLOEXEC)) {
        require(event_ >= 0, ErrorCode::io_failure,
                "cannot wait for signals: the system has no "
                "descriptor left");
        wakened = event_;
        thread_ = std::thread([this] {
            std::uint64_t count = 0;
            while (::read(event_, &count, sizeof(count)) < 0 && errno == EINTR) {
            }
            source_.request_stop();
        });
        if (requested) {  // it came a moment before
            tell(event_);
        }
    }
    ~StopThread() {
        wakened = -1;
        tell(event_);
        thread_.join();
        static_cast<void>(::close(event_));
    }
    StopThread(const StopThread&) = delete;
    StopThread& operator=(const StopThread&) = delete;
    std::stop_token token() const noexcept { return source_.get_token(); }

  private:
    int event_;
    std::stop_source source_;
    std::thread thread_;
};

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

std::stop_token stop_on_signal() {
    static const StopThread thread;
    return thread.token();
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

StopAtOnce::StopAtOnce() {
    on_terminal = ::isatty(STDERR_FILENO) == 1;
    ++at_once;
    if (requested) {  // it came a moment before
        --at_once;
        check_interrupt();
    }
}

StopAtOnce::~StopAtOnce() {
    --at_once;
}

void check_interrupt() {
    require(!requested, ErrorCode::interrupted,
            "stopped by a signal: give the same command again to go on");
}

}  // namespace cipherfit
