// The owner's work on a job, step by step: plan, keys, encryption, decryption with its checks.
//
//     OwnerSession owner = OwnerSession::prepare(rows);
//     owner.make_key();
//     owner.send(job);                   // keys, plan and encrypted rows
//     ...                                // the server trains
//     const Head model = owner.decrypt(job);
//
// A session lives in memory, and its key dies with it, until keep_in() gives it a private
// directory, from which open() makes it again. Sessions share nothing: several may work at once,
// each on a thread of its own.
#pragma once

#include "cipherfit/protocol/observer.h"
#include "cipherfit/protocol/owner/owner_directory.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/rlwe/owner/secret_key.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

namespace cipherfit {

class OwnerSession {
  public:
    // Chooses recipe, preprocessing and plan from the training rows, runs the plaintext twin and
    // derives the bounds that the decrypted model is held to. `columns` says where the rows'
    // columns came from. Throws as plan_run() and make_twin_reference(), and Error(interrupted)
    // between the two if a stop was requested.
    static OwnerSession prepare(const Dataset& training, const SetupOptions& options = {},
                                ColumnSource columns = {}, std::stop_token stop = {});
    // The session whose state and job are in a private directory. Throws Error: io_failure if there
    // is none, corrupt_data.
    static OwnerSession open(std::filesystem::path directory,
                             TestParameters tests = TestParameters::refuse);
    ~OwnerSession();
    OwnerSession(OwnerSession&&) noexcept;
    OwnerSession& operator=(OwnerSession&&) noexcept;

    // From now on progress is told to `observer`, which must outlive the session, and the steps
    // below throw Error(interrupted) at their next safe point once a stop was requested. What they
    // had finished is used when they are called again.
    void watch(Observer* observer, std::stop_token stop = {});

    const OwnerState& state() const noexcept;
    const TrainingPlan& plan() const noexcept { return state().setup.plan; }
    OwnerFiles files() const;  // an empty directory if it is kept in none
    const TwinReference& reference() const noexcept { return state().reference; }

    // Keeps everything in that directory from now on, which must exist and be private (mode 0700).
    // One session uses it at a time: where several might, hold a DirectoryLock on it.
    // Comes before the key. Throws Error: bad_input if a plan is there, invalid_argument for a
    // session that has a key or a directory, io_failure.
    void keep_in(std::filesystem::path directory);

    // The training rows as they were planned from. prepare() has them already. Throws
    // Error(bad_input) for others, which would be encrypted under a plan that is not theirs.
    void use_rows(const Dataset& rows);
    // As they are encrypted. Throws Error(invalid_argument) if there are none.
    const PreparedData& rows() const;

    // Makes the secret key. With a directory it is written there; an empty passphrase stores it in
    // the clear. Throws Error(io_failure) if there is one.
    void make_key(std::string_view passphrase = {});
    // Reads it from the directory. Throws Error: fingerprint_mismatch if it belongs to another
    // plan, invalid_argument without a directory, and what read_secret_key() reports.
    void load_key(std::string_view passphrase = {});
    bool has_stored_key() const;
    // Throws Error(invalid_argument) if it was neither made nor loaded.
    const SecretKey& key() const;

    // Exactly the evaluation keys that the plan asks for, unless they are there. Throws Error(busy)
    // if another session holds the job.
    void write_keys(JobStore& job);
    // The encrypted rows and the plan, as far as they are not there. The first call draws the
    // identity of the job.
    void encrypt(JobStore& job);
    // Both.
    void send(JobStore& job) {
        write_keys(job);
        encrypt(job);
    }
    // Forgets the identity of the job and removes its contents but for the keys: encrypt() begins
    // another one. Throws refuse_decrypted() if the key is used up.
    void renew(JobStore& job);
    // What the job's contents carry. Throws Error if nothing was encrypted yet.
    const ContainerIdentity& identity() const;

    // The server's model, decrypted, recorded and held to the twin. Throws refuse_decrypted().
    Head decrypt(const JobStore& job);
    // The same of the checkpoints that the server kept, ascending.
    std::vector<CheckedModel> decrypt_checkpoints(const JobStore& job);
    // Takes back that the model was accepted, and throws refuse_decrypted().
    [[noreturn]] void refuse_model();
    // Signs the answer to a review and writes it into the job.
    void answer(JobStore& job, int iteration, Answer answer);

  private:
    class Work;
    explicit OwnerSession(std::unique_ptr<Work> work);
    std::unique_ptr<Work> work_;
};

}  // namespace cipherfit
