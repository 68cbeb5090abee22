// The server's progress as a line of text for its parent.
#pragma once

#include "cipherfit/protocol/observer.h"

#include <optional>
#include <string>
#include <string_view>

namespace cipherfit {

// "@progress phase done total level bytes_written work_done", and back; nothing for any other line.
std::string encode_progress(const Progress& progress);
std::optional<Progress> decode_progress(std::string_view line);

}  // namespace cipherfit
