// All that the programs say. A failed write never throws and never ends the work: a reader that
// went away, a full disk and a descriptor that is closed are no reason to lose what was computed.
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace cipherfit {

// Call first thing in main(): those of the descriptors 0 to 2 that are closed are opened on
// /dev/null, since the next file that is opened would get their number, and messages with it.
void open_standard_streams() noexcept;

// Progress and messages, on standard error.
void write_error(std::string_view text) noexcept;
template <class... Arguments>
void print_error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write_error(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Standard output, or standard error once it was given away. `only_here`: no file holds the same,
// so that a text that could not be written is a failure of the command.
void write_output(std::string_view text, bool only_here) noexcept;
// What a command's files hold as well.
template <class... Arguments>
void print_summary(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write_output(fmt::format(format, std::forward<Arguments>(arguments)...), false);
}
// What is nowhere else.
template <class... Arguments>
void print_answer(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write_output(fmt::format(format, std::forward<Arguments>(arguments)...), true);
}

// A result goes to standard output, as with --json /dev/stdout: texts go to standard error from now
// on, so that whoever reads the result gets nothing else.
void give_away_output() noexcept;

// The errno of the first text that could not be written to standard output, and whether it was
// only there. 0: none, or the reader went away, as `head` does when it has enough.
struct LostOutput {
    int error = 0;
    bool only_here = false;
};
LostOutput lost_output() noexcept;

}  // namespace cipherfit
