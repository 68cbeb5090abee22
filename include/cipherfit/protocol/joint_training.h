// The server's computation of a joint training, which every member can repeat bit for bit: joint
// keys from the shares, the sum of the uploads, the iterations, and the digest of what comes out.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/contribution.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "cipherfit/solver/joint/training.h"

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// What is to be released: the trained ciphertext, at the plan's release level.
struct JointResult {
    RnsPoly c0, c1;
    Digest digest{};  // rlwe/multiparty/release.h
};

// Adds an upload (owner/joint_rows.h writes them). Throws Error(corrupt_data).
class UploadSum {
  public:
    explicit UploadSum(const CharterPlan& plan) : plan_(plan), sum_(plan.joint()) {}
    // `who` opens messages. All uploads must be of one preparation: the digest of what was made of
    // the published sums, in floating point, goes with each.
    void add(std::span<const std::uint8_t> upload, const std::string& who);
    // The sum of all. Throws Error(invalid_argument) before there is one.
    const JointContribution& sum() const { return sum_.sum(); }

  private:
    const CharterPlan& plan_;
    std::optional<Digest> preparation_;
    std::string first_;
    JointSum sum_;
};

// What is going on, and the share of it that is done, 0 to 1.
using JointProgress = std::function<void(std::string_view phase, double share)>;

// Times in seconds, for reports.
struct JointTimes {
    double aggregate = 0;  // keys and uploads
    double train = 0;
};

// What the server or a member sees of a charter's directory.
struct JointRounds {
    std::optional<Contributions> contributions;  // complete: the training can run
    std::vector<std::string> waiting_for;
    std::vector<std::string> problems;
};
// Looks at all rounds; keeps nothing. Errors name the member whose message is wrong.
Expected<JointRounds> look_at_rounds(const Charter& charter, const Board& board);

// Keys, sum and iterations. Throws Error: what the readers report, naming the member; interrupted.
JointResult run_joint_training(const Charter& charter, const CharterPlan& plan, const Board& board,
                               const Contributions& contributions, const JointProgress& progress,
                               std::stop_token stop, JointTimes* times = nullptr);

// The bytes of result.bin, and what they are of. Untrusted bytes: never throws. Errors:
// corrupt_data, fingerprint_mismatch.
Expected<std::vector<std::uint8_t>> result_to_bytes(const Charter& charter, const Digest& root,
                                                    const JointResult& result);
Expected<JointResult> result_from_bytes(std::span<const std::uint8_t> bytes, const Charter& charter,
                                        const CharterPlan& plan, const Digest& root);
// result.bin: bound to the charter and the root of the uploads.
Expected<void> write_result(const CharterFiles& files, const Charter& charter,
                            const Contributions& contributions, const JointResult& result);
// Checks form and digest. Errors: io_failure, corrupt_data, fingerprint_mismatch (another charter
// or other uploads).
Expected<JointResult> read_result(const CharterFiles& files, const Charter& charter,
                                  const CharterPlan& plan, const Contributions& contributions);

}  // namespace cipherfit
