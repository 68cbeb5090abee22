// Early stopping that the owner decides: at chosen iterations the server leaves a checkpoint and
// waits; the owner decrypts the model in it, looks at what it gets right, and answers. The answer
// is a file beside the checkpoint, {"job": "<its number>", "iteration": 10, "answer": "continue"}:
// nothing else of what the owner saw reaches the server.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/protocol/job_files.h"

#include <optional>
#include <string_view>

namespace cipherfit {

enum class Answer { go_on, stop };
std::string_view name(Answer answer) noexcept;  // "continue", "stop"
// ErrorCode::bad_input for any other name.
Expected<Answer> answer_from_name(std::string_view name);

// None where there is no answer yet. Errors: bad_input for a file that says neither continue nor
// stop, or that answers another job or iteration; io_failure.
Expected<std::optional<Answer>> read_answer(const JobFiles& files,
                                            const ContainerIdentity& identity, int iteration);
// Whole or not at all.
Expected<void> write_answer(const JobFiles& files, const ContainerIdentity& identity, int iteration,
                            Answer answer);

}  // namespace cipherfit
