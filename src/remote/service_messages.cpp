#include "remote/service_messages.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cipherfit/v1/jobs.pb.h>
#include <grpcpp/support/status_code_enum.h>

namespace cipherfit {
namespace {

constexpr std::size_t longest_line = 500;

// Codes that say something of the caller's; the service's own defects and interruptions are not
// this program's.
constexpr std::array callers_codes{ErrorCode::invalid_argument,
                                   ErrorCode::insecure_parameters,
                                   ErrorCode::bad_input,
                                   ErrorCode::corrupt_data,
                                   ErrorCode::unsupported_version,
                                   ErrorCode::fingerprint_mismatch,
                                   ErrorCode::busy};

ErrorCode code_of(std::string_view code, ErrorCode otherwise) {
    const auto found = std::ranges::find_if(
        callers_codes, [code](ErrorCode known) { return name(known) == code; });
    return found == callers_codes.end() ? otherwise : *found;
}

// Whether gRPC's text speaks of the line: it has no status of its own for that.
bool is_of_the_line(std::string_view message) {
    constexpr std::array<std::string_view, 8> words{"RST_STREAM", "transport",     "ransport",
                                                    "GOAWAY",     "tream removed", "ocket",
                                                    "onnection",  "frame"};
    return std::ranges::any_of(words, [message](std::string_view word) {
        return message.find(word) != std::string_view::npos;
    });
}

// How many bytes follow this one in a character of UTF-8.
int continuations_of(unsigned char byte) {
    if (byte < 0xc2 || byte > 0xf4) {
        return 0;
    }
    return byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

Progress::Phase phase_of(v1::JobPhase phase) {
    switch (phase) {
        case v1::JOB_PHASE_LOAD_DATA:
            return Progress::Phase::load_data;
        case v1::JOB_PHASE_PREPARE:
            return Progress::Phase::prepare;
        case v1::JOB_PHASE_TRAIN:
            return Progress::Phase::train;
        case v1::JOB_PHASE_WRITE:
            return Progress::Phase::write;
        case v1::JOB_PHASE_SCORE:
            return Progress::Phase::score;
        default:
            return Progress::Phase::load_keys;
    }
}

RemoteState state_of(v1::JobState state) {
    switch (state) {
        case v1::JOB_STATE_QUEUED:
            return RemoteState::queued;
        case v1::JOB_STATE_RUNNING:
            return RemoteState::running;
        case v1::JOB_STATE_AWAITING_REVIEW:
            return RemoteState::awaiting_review;
        case v1::JOB_STATE_SUCCEEDED:
            return RemoteState::succeeded;
        case v1::JOB_STATE_STOPPED:
            return RemoteState::stopped;
        case v1::JOB_STATE_FAILED:
            return RemoteState::failed;
        case v1::JOB_STATE_CANCELLED:
            return RemoteState::cancelled;
        default:
            return RemoteState::uploading;
    }
}

}  // namespace

std::string one_line(std::string_view text) {
    std::string line(text.substr(0, longest_line));
    int continuations = 0;  // bytes of a character of UTF-8 that are still to come
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(line[at]); };
        const bool continues = byte(i) >= 0x80 && byte(i) < 0xc0 && continuations > 0;
        continuations = continues ? continuations - 1 : continuations_of(byte(i));
        if (byte(i) < ' ' || byte(i) == 0x7f || (byte(i) >= 0x80 && byte(i) < 0xa0 && !continues)) {
            line[i] = ' ';
        } else if (byte(i) == 0xc2 && i + 1 < line.size() && byte(i + 1) >= 0x80 &&
                   byte(i + 1) < 0xa0) {  // the control characters from U+0080 on, in UTF-8
            line[i] = line[i + 1] = ' ';
        }
    }
    while (!line.empty() && (line.back() == ' ' || line.back() == '.')) {
        line.pop_back();
    }
    return line;
}

CallError call_error(int status, std::string_view message, std::string_view code) {
    const std::string line = message.empty() ? "the service gave no reason" : one_line(message);
    const auto final_one = [&](CallFailure kind, ErrorCode otherwise) {
        return CallError{kind, {code_of(code, otherwise), line}};
    };
    switch (status) {
        case grpc::ABORTED:
            return {CallFailure::transient, {ErrorCode::io_failure, line}, true};
        case grpc::UNAVAILABLE:
        case grpc::DEADLINE_EXCEEDED:
        case grpc::CANCELLED:
            return {CallFailure::transient, {ErrorCode::io_failure, line}};
        case grpc::UNKNOWN:
        case grpc::INTERNAL:
            if (code.empty() && is_of_the_line(message)) {
                return {CallFailure::transient, {ErrorCode::io_failure, line}};
            }
            return {CallFailure::final_failure,
                    {ErrorCode::io_failure, "the service failed, its log has the reason: " + line}};
        case grpc::OUT_OF_RANGE:
            return final_one(CallFailure::offset, ErrorCode::bad_input);
        case grpc::DATA_LOSS:
            return final_one(CallFailure::data_loss, ErrorCode::corrupt_data);
        case grpc::FAILED_PRECONDITION:
            return final_one(CallFailure::precondition, ErrorCode::bad_input);
        case grpc::NOT_FOUND:
            return final_one(CallFailure::missing, ErrorCode::bad_input);
        case grpc::UNIMPLEMENTED:
            return {CallFailure::final_failure,
                    {ErrorCode::unsupported_version,
                     "what answers there is no cipherfit service of this version: " + line}};
        default:
            return final_one(CallFailure::final_failure, ErrorCode::bad_input);
    }
}

RemoteFile remote_file(const v1::FileState& file) {
    RemoteFile plain{.name = one_line(file.name()),
                     .bytes = file.bytes(),
                     .received = file.received(),
                     .complete = file.complete(),
                     .required = file.required(),
                     .sha256 = {}};
    Digest digest{};
    if (file.sha256().size() == digest.size()) {
        std::copy(file.sha256().begin(), file.sha256().end(), digest.begin());
        plain.sha256 = digest;
    }
    return plain;
}

RemoteJob remote_job(const v1::Job& job) {
    RemoteJob plain{
        .id = one_line(job.id()),
        .state = state_of(job.state()),
        .label = one_line(job.label()),
        .reason = one_line(job.reason()),
        .queue_position = job.queue_position(),
        .review_iteration = static_cast<int>(std::min(job.review_iteration(), 1U << 30U)),
        .created_at = job.created_at(),
        .started_at = job.started_at(),
        .finished_at = job.finished_at(),
        .progress = {}};
    if (job.has_progress() && plain.state == RemoteState::running) {
        const v1::JobProgress& progress = job.progress();
        const bool trains = progress.phase() == v1::JOB_PHASE_TRAIN;
        plain.progress = Progress{.phase = phase_of(progress.phase()),
                                  .done = trains ? progress.iteration() : progress.done(),
                                  .total = trains ? progress.iterations() : progress.total(),
                                  .level = progress.level(),
                                  .work_done = std::clamp(progress.work_done(), 0.0, 1.0)};
        plain.seconds_left = progress.seconds_left();
    }
    return plain;
}

}  // namespace cipherfit
