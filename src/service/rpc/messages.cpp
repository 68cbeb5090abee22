#include "service/rpc/messages.h"

#include "cipherfit/train/recipe.h"

namespace cipherfit::service {
namespace {

v1::JobPhase phase_of(Progress::Phase phase) {
    switch (phase) {
        case Progress::Phase::load_keys:
            return v1::JOB_PHASE_LOAD_KEYS;
        case Progress::Phase::load_data:
            return v1::JOB_PHASE_LOAD_DATA;
        case Progress::Phase::prepare:
            return v1::JOB_PHASE_PREPARE;
        case Progress::Phase::train:
            return v1::JOB_PHASE_TRAIN;
        case Progress::Phase::write:
            return v1::JOB_PHASE_WRITE;
        case Progress::Phase::score:
            return v1::JOB_PHASE_SCORE;
        default:
            return v1::JOB_PHASE_UNSPECIFIED;
    }
}

void fill(v1::JobProgress& message, const JobProgress& progress) {
    const Progress& told = progress.progress;
    message.set_phase(phase_of(told.phase));
    message.set_done(told.done);
    message.set_total(told.total);
    if (told.phase == Progress::Phase::train) {
        message.set_iteration(static_cast<std::uint32_t>(told.done));
    }
    message.set_iterations(static_cast<std::uint32_t>(progress.iterations));
    message.set_level(static_cast<std::uint32_t>(told.level));
    message.set_work_done(told.work_done);
    message.set_seconds_left(progress.seconds_left);
}

int choice(std::uint32_t value, const char* what) {
    if (value > static_cast<std::uint32_t>(max_iterations)) {
        refuse(Status::invalid_argument, "{} after every {} iterations, at most {}", what, value,
               max_iterations);
    }
    return static_cast<int>(value);
}

}  // namespace

void fill(v1::Job& message, const JobView& view) {
    const JobRecord& job = view.record;
    message.set_id(job.id);
    message.set_kind(static_cast<v1::JobKind>(job.kind));
    message.set_state(static_cast<v1::JobState>(job.state));
    message.set_label(job.label);
    message.mutable_cost()->set_memory_bytes(job.cost.memory_bytes);
    message.mutable_cost()->set_disk_bytes(job.cost.disk_bytes);
    message.mutable_cost()->set_work(job.cost.work);
    message.mutable_training()->set_keep_checkpoints_every(
        static_cast<std::uint32_t>(job.choices.keep_every));
    message.mutable_training()->set_checkpoint_every(
        static_cast<std::uint32_t>(job.choices.checkpoint_every));
    message.mutable_training()->set_review_every(
        static_cast<std::uint32_t>(job.choices.review_every));
    message.set_reason(job.reason);
    message.set_queue_position(view.queue_position);
    message.set_review_iteration(static_cast<std::uint32_t>(job.review_iteration));
    message.set_created_at(job.created);
    message.set_started_at(job.started);
    message.set_finished_at(job.finished);
    message.set_expires_at(view.expires);
    if (view.progress) {
        fill(*message.mutable_progress(), *view.progress);
    }
}

void fill(v1::FileState& message, const FileView& view) {
    message.set_name(view.record.name);
    message.set_bytes(view.record.bytes);
    message.set_received(view.received);
    message.set_complete(view.record.complete);
    message.set_sha256(bytes_of_hex(view.record.sha256));
    message.set_required(view.record.max_bytes > 0);
    message.set_max_bytes(view.record.max_bytes);
}

RunChoices choices_of(const v1::TrainingOptions& message) {
    return {choice(message.keep_checkpoints_every(), "checkpoints are kept"),
            std::max(1, choice(message.checkpoint_every(), "checkpoints are written")),
            choice(message.review_every(), "reviews are asked for")};
}

std::string bytes_of_hex(const std::string& hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
    }
    return bytes;
}

}  // namespace cipherfit::service
