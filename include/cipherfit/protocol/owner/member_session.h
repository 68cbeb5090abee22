// A member's work under a charter, over the charter's directory and the member's own: every step is
// stored before it is sent, so that a session can be ended anywhere and opened again.
#pragma once

#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/owner/key_ceremony.h"
#include "cipherfit/parties/owner/member_home.h"
#include "cipherfit/parties/owner/release_ceremony.h"
#include "cipherfit/protocol/joint_training.h"
#include "cipherfit/protocol/owner/joint_rows.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

class MemberSession {
  public:
    // Throws Error: what the charter's and the member's files report; bad_input where this member
    // is none of the charter's, or where not all have signed, insecure_parameters.
    MemberSession(const std::filesystem::path& home, const std::filesystem::path& charter,
                  TestParameters tests = TestParameters::refuse);
    ~MemberSession();
    MemberSession(MemberSession&&) noexcept;
    MemberSession& operator=(MemberSession&&) = delete;

    const Charter& charter() const noexcept;
    const CharterPlan& plan() const noexcept;
    std::uint32_t self() const noexcept;
    bool is_contributor() const noexcept;

    // Keeps the rows for this charter, once, and records them in the ledger. Throws
    // Error(bad_input) for rows that do not fit the charter, that went into another one, or other
    // rows than were brought before.
    void bring_rows(const JointRows& rows);
    bool has_rows() const noexcept;

    // Whatever is due of the rounds of keys and of contributions; `done` once all uploads are
    // there. Throws Error: what the ceremonies report.
    StepReport step();
    // The sums that are published so far.
    const PooledSums& sums() const noexcept;

    // Recomputes the training from the signed messages, and compares with what the server has
    // published. The digest is kept: release() answers for no other. Throws
    // Error(fingerprint_mismatch) where they differ, bad_input where something is missing.
    struct Verified {
        Digest digest{};
        JointTimes times;
        bool was_done = false;  // by an earlier call
    };
    Verified verify(const JointProgress& progress, std::stop_token stop);

    // A holder's part in the release: attests, and once all of the set have, sends its share.
    // Throws Error(bad_input) before verify().
    StepReport release();

    // The recipient's: verifies as holders do, and asks that set of holders (points 1..k), once:
    // the first t if none is named, or those of the call before. Then opens the model when all
    // shares are there. `model` is empty before.
    struct Opened {
        StepReport report;
        std::optional<Head> model;
        std::unique_ptr<FeatureExtractor>
            extractor;  // of rows for the model; null: rows as they are
    };
    Opened open_model(const std::vector<unsigned>& holders, const JointProgress& progress = {},
                      std::stop_token stop = {});

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace cipherfit
