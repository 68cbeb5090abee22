#include "common/streams.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace cipherfit {
namespace {

LostOutput lost;
int output = STDOUT_FILENO;

// 0, or the errno. A descriptor that does not block, since another process that shares it set it
// so, is waited for: `patience` milliseconds, or for as long as it takes where negative.
int write_all(int descriptor, std::string_view text, int patience) noexcept {
    while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            pollfd waiting{.fd = descriptor, .events = POLLOUT, .revents = 0};
            if (::poll(&waiting, 1, patience) == 0) {
                return EAGAIN;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

}  // namespace

void open_standard_streams() noexcept {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) {
            continue;
        }
        // The lowest free number is this one. Without /dev/null anything that takes it will do.
        if (::open("/dev/null", O_RDWR) < 0) {
            static_cast<void>(::open("/", O_RDONLY | O_DIRECTORY));
        }
    }
}

void write_error(std::string_view text) noexcept {
    constexpr int a_second = 1000;
    static_cast<void>(write_all(STDERR_FILENO, text, a_second));
}

void write_output(std::string_view text, bool only_here) noexcept {
    const int error = write_all(output, text, -1);
    if (error != 0 && error != EPIPE && output == STDOUT_FILENO && lost.error == 0) {
        lost = {error, only_here};
    }
}

void give_away_output() noexcept {
    output = STDERR_FILENO;
}

LostOutput lost_output() noexcept {
    return lost;
}

}  // namespace cipherfit
