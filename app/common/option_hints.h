// Which option of the command line mends what the library refuses: the library's messages know
// nothing of options.
#pragma once

#include <string>

namespace cipherfit {

// The message, and in brackets the options that its remedy is given by, if there are any.
std::string with_options(std::string message);

}  // namespace cipherfit
