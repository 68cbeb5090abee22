#include "cipherfit/protocol/owner/owner_session.h"

#include "cipherfit/io/file.h"
#include "cipherfit/protocol/owner/answer_signer.h"
#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "protocol/content_io.h"

#include <string>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr auto of_the_key = {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan};

constexpr const char* stopped = "stopped: do the same again to go on";

std::optional<Calibration> calibration_of(const OwnerSetup& setup) {
    const HeldOutScores& held_out = setup.held_out;
    if (held_out.scores.rows() == 0) {
        return std::nullopt;
    }
    return fit_calibration(held_out.scores, held_out.labels, held_out.weights);
}

}  // namespace

class OwnerSession::Work {
  public:
    explicit Work(OwnerState planned) : state(std::move(planned)) {}

    OwnerFiles files() const { return OwnerFiles{directory}; }
    bool is_kept() const { return !directory.empty(); }

    void check_stop() const { require(!stop.stop_requested(), ErrorCode::interrupted, stopped); }
    void tell(const Progress& progress) const {
        if (observer != nullptr) {
            observer->on_progress(progress);
        }
    }
    ByteProgress bytes_of(Progress::Phase phase) const {
        return [this, phase](std::uint64_t done, std::uint64_t total) {
            check_stop();
            tell({.phase = phase, .done = done, .total = total});
        };
    }

    // The record of what was decrypted before, for one step.
    DecryptionRecord decryptions() const {
        return is_kept() ? DecryptionRecord(files().decryptions()) : memory;
    }

    const SecretKey& the_key() const {
        require(key.has_value(), ErrorCode::invalid_argument,
                "the session has no secret key: make or load one first");
        return *key;
    }
    const PreparedData& the_rows() const {
        require(rows != nullptr, ErrorCode::invalid_argument,
                "the session has no training rows: give those that the plan was made from");
        return *rows;
    }
    const ContainerIdentity& the_identity() {
        if (!identity) {
            require(is_kept(), ErrorCode::invalid_argument,
                    "the session has encrypted nothing yet: encrypt the rows first");
            identity = read_owner_job(files(), state.setup.plan);
        }
        return *identity;
    }
    Job job() { return {state.setup.plan, the_identity()}; }

    // The identity of the job that was begun, or of a new one.
    const ContainerIdentity& begun_identity() {
        if (!identity && is_kept() && fs::exists(files().job())) {
            identity = read_owner_job(files(), state.setup.plan);
        }
        if (!identity) {
            Nonce nonce{};
            random_bytes(nonce);
            const ContainerIdentity made = job_identity(state.setup.plan, the_key().id(), nonce);
            if (is_kept()) {
                write_owner_job(files(), made);
            }
            identity = made;
        }
        return *identity;
    }

    OwnerState state;
    std::shared_ptr<const PreparedData> rows;
    fs::path directory;  // empty: in memory
    std::optional<SecretKey> key;
    std::optional<ContainerIdentity> identity;
    DecryptionRecord memory = DecryptionRecord::in_memory();
    TestParameters tests = TestParameters::refuse;
    Observer* observer = nullptr;
    std::stop_token stop;
};

OwnerSession::OwnerSession(std::unique_ptr<Work> work) : work_(std::move(work)) {}
OwnerSession::~OwnerSession() = default;
OwnerSession::OwnerSession(OwnerSession&&) noexcept = default;
OwnerSession& OwnerSession::operator=(OwnerSession&&) noexcept = default;

OwnerSession OwnerSession::prepare(const Dataset& training, const SetupOptions& options,
                                   ColumnSource columns, std::stop_token stop) {
    auto [setup, runs] = plan_run(training, options);
    require(!stop.stop_requested(), ErrorCode::interrupted, stopped);
    TwinReference reference = make_twin_reference(setup, runs);
    // The scaled rows: what decryption takes, of the dual.
    RowMatrix xs = runs.states->solver().states_are_models() ? RowMatrix() : runs.data->xs;
    std::optional<Calibration> calibration = calibration_of(setup);
    require(!stop.stop_requested(), ErrorCode::interrupted, stopped);
    auto work = std::make_unique<Work>(OwnerState{std::move(setup), std::move(reference),
                                                  std::move(xs), std::move(columns),
                                                  std::move(calibration), mark_of(training)});
    work->rows = runs.data;
    return OwnerSession(std::move(work));
}

OwnerSession OwnerSession::open(fs::path directory, TestParameters tests) {
    auto work = std::make_unique<Work>(read_owner_state(OwnerFiles{directory}, tests));
    work->tests = tests;
    work->directory = std::move(directory);
    return OwnerSession(std::move(work));
}

void OwnerSession::watch(Observer* observer, std::stop_token stop) {
    work_->observer = observer;
    work_->stop = std::move(stop);
}

const OwnerState& OwnerSession::state() const noexcept {
    return work_->state;
}

OwnerFiles OwnerSession::files() const {
    return work_->files();
}

void OwnerSession::keep_in(fs::path directory) {
    require(!work_->key && !work_->is_kept(), ErrorCode::invalid_argument,
            "a session is kept in one directory, and from before it has a key");
    const OwnerFiles files{directory};
    require(!fs::exists(files.plan()), ErrorCode::bad_input,
            "{}: there is a plan already: open the session that it belongs to, or use another "
            "directory",
            files.plan().string());
    write_owner_state(files, work_->state);
    work_->directory = std::move(directory);
}

void OwnerSession::use_rows(const Dataset& rows) {
    require(
        !work_->state.rows || work_->state.rows->is_of(mark_of(rows)), ErrorCode::bad_input,
        "these are not the training rows that the plan was made from: use the same rows, in the "
        "same order");
    work_->rows = std::make_shared<const PreparedData>(
        prepare_rows(work_->state.setup, rows.features, rows.labels));
}

const PreparedData& OwnerSession::rows() const {
    return work_->the_rows();
}

void OwnerSession::make_key(std::string_view passphrase) {
    require(!work_->key && !has_stored_key(), ErrorCode::io_failure,
            "there is a secret key already: one is never replaced");
    SecretKey key = SecretKey::generate(plan().parameters());
    if (work_->is_kept()) {
        value_or_throw(write_secret_key(work_->files().secret_key(), key, passphrase));
    }
    work_->key.emplace(std::move(key));
}

void OwnerSession::load_key(std::string_view passphrase) {
    require(work_->is_kept(), ErrorCode::invalid_argument,
            "the session is in memory, and so was its key: make one, or open a directory");
    const fs::path path = work_->files().secret_key();
    SecretKey key = value_or_throw(read_secret_key(path, passphrase, work_->tests));
    require(key.parameters() == plan().parameters(), ErrorCode::fingerprint_mismatch,
            "{}: was made under other parameters than the plan's: use the directory that it "
            "belongs to",
            path.string());
    work_->key.emplace(std::move(key));
}

bool OwnerSession::has_stored_key() const {
    return work_->is_kept() && fs::exists(work_->files().secret_key());
}

const SecretKey& OwnerSession::key() const {
    return work_->the_key();
}

void OwnerSession::write_keys(JobStore& job) {
    const SecretKey& key = work_->the_key();
    work_->decryptions().require_usable(key.id());
    work_->check_stop();
    const auto hold = value_or_throw(job.hold());
    const Job keys_of{plan(), job_identity(plan(), key.id())};
    if (!is_complete(job, contents::evaluation_keys, ContainerKind::evaluation_keys,
                     keys_of.identity, of_the_key)) {
        value_or_throw(write_evaluation_keys(job.put(contents::evaluation_keys), keys_of, key,
                                             work_->bytes_of(Progress::Phase::make_keys)));
    }
    work_->check_stop();
}

void OwnerSession::encrypt(JobStore& job) {
    const SecretKey& key = work_->the_key();
    work_->decryptions().require_usable(key.id());
    work_->check_stop();
    const auto hold = value_or_throw(job.hold());
    const Job described{plan(), work_->begun_identity(), AnswerSigner(key).public_key()};
    const ByteProgress progress = work_->bytes_of(Progress::Phase::encrypt);
    if (plan().row_files() > 1) {
        // Those that are complete stay; one that was lost on its way is sent again.
        value_or_throw(write_training_batches(job, described, key, work_->the_rows(), progress));
    } else if (!is_complete(job, contents::training_data, ContainerKind::training_data,
                            described.identity, all_of_the_job)) {
        value_or_throw(write_training_data(job.put(contents::training_data), described, key,
                                           work_->the_rows(), progress));
    }
    if (!is_complete(job, contents::plan, ContainerKind::plan, described.identity,
                     all_of_the_job)) {
        value_or_throw(write_plan(job.put(contents::plan), described));
    }
    work_->check_stop();
}

void OwnerSession::renew(JobStore& job) {
    work_->decryptions().require_usable(key().id());
    const auto hold = value_or_throw(job.hold());
    // The plan first: without it the server does nothing.
    value_or_throw(job.remove(contents::plan));
    for (const std::string& name : value_or_throw(job.list())) {
        if (is_of_training(name) && name != contents::evaluation_keys) {
            value_or_throw(job.remove(name));
        }
    }
    if (work_->is_kept()) {
        fs::remove(work_->files().job());
    }
    work_->identity.reset();
}

const ContainerIdentity& OwnerSession::identity() const {
    return work_->the_identity();
}

Head OwnerSession::decrypt(const JobStore& job) {
    const Job described = work_->job();
    DecryptionRecord record = work_->decryptions();
    work_->tell({.phase = Progress::Phase::decrypt});
    return release_model(record, described, key(),
                         value_or_throw(read_model(job.get(contents::model), described)),
                         state().scaled_rows, state().setup, reference());
}

std::vector<CheckedModel> OwnerSession::decrypt_checkpoints(const JobStore& job) {
    DecryptionRecord record = work_->decryptions();
    work_->tell({.phase = Progress::Phase::decrypt});
    return release_checkpoints(record, job, work_->job(), key(), state().scaled_rows, rows(),
                               state().setup, reference());
}

void OwnerSession::refuse_model() {
    work_->decryptions().revoke(identity(), plan().recipe().iterations);
}

void OwnerSession::answer(JobStore& job, int iteration, Answer answer) {
    value_or_throw(write_answer(job, identity(), iteration, answer,
                                AnswerSigner(key()).sign(identity(), iteration, answer)));
}

}  // namespace cipherfit
