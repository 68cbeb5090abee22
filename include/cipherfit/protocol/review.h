// Early stopping that the owner decides: at chosen iterations the server leaves a checkpoint and
// waits; the owner decrypts the model in it, looks at what it gets right, and answers. The answer
// is a file beside the checkpoint, {"job": "<its number>", "iteration": 10, "answer": "continue",
// "signature": "..."}: nothing else of what the owner saw reaches the server.
//
// Answers are signed (Ed25519): the job's plan brings the public key, and a server with such a plan
// takes no answer without a signature over parameters, key, plan, job, iteration and answer. The
// private key is derived from the secret key (owner/answer_signer.h). Plans of earlier versions
// have no key, and the answers to them need no signature.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/protocol/job_files.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cipherfit {

enum class Answer { go_on, stop };
std::string_view name(Answer answer) noexcept;  // "continue", "stop"
// ErrorCode::bad_input for any other name.
Expected<Answer> answer_from_name(std::string_view name);

using AnswerSignature = std::array<std::uint8_t, 64>;

// What is signed.
std::vector<std::uint8_t> answer_text(const ContainerIdentity& identity, int iteration,
                                      Answer answer);

// None if there is no answer yet. With a key, only what is signed under it counts. Errors:
// bad_input for a file that says neither continue nor stop, that answers another job or iteration,
// or that is not signed; io_failure.
Expected<std::optional<Answer>> read_answer(const JobStore& store,
                                            const ContainerIdentity& identity, int iteration,
                                            const std::optional<AnswerKey>& key = {});
// Whole or not at all.
Expected<void> write_answer(JobStore& store, const ContainerIdentity& identity, int iteration,
                            Answer answer, const std::optional<AnswerSignature>& signature = {});

}  // namespace cipherfit
