// A member's private directory and its messages: durable before they are sent, sent again byte for
// byte, and the roots of rounds pinned once they were seen.
#pragma once

#include "cipherfit/parties/board.h"
#include "cipherfit/parties/owner/identity.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cipherfit {

// What a member's step did, and what it waits for.
struct StepReport {
    std::uint32_t round = 0;               // the round that is open, or the one after the last
    std::vector<std::string> posted;       // what this step sent, or sent again
    std::vector<std::string> waiting_for;  // "the key shares of member 2 (Clinic North)"
    std::vector<std::string> problems;     // messages that were refused, whose and why
    bool done = false;
};

class MemberDirectory {
  public:
    // Makes the private directory (mode 0700) where it does not exist. The identity must be that of
    // member `self`, all members must have signed, and it must outlive this object. Errors:
    // bad_input, io_failure.
    static Expected<MemberDirectory> open(const std::filesystem::path& directory,
                                          const std::filesystem::path& board,
                                          const SignedCharter& charter, std::uint32_t self,
                                          const MemberIdentity& identity);

    const Charter& charter() const noexcept { return charter_; }
    const Digest& charter_id() const noexcept { return charter_id_; }
    std::uint32_t self() const noexcept { return self_; }
    const MemberIdentity& identity() const noexcept { return *identity_; }
    const Board& board() const noexcept { return board_; }
    std::filesystem::path path(const std::string& name) const { return directory_ / name; }
    bool has(const std::string& name) const;

    // A file of secret bytes: drawn when it is first asked for, and the same from then on.
    Expected<std::vector<std::uint8_t>> secret(const std::string& name, std::size_t size) const;
    // A private file, written once (mode 0600).
    Expected<void> keep(const std::string& name, std::span<const std::uint8_t> bytes) const;

    // This member's message of a slot: the stored one, or else a new one of what `payload` gives,
    // stored before anybody sees it. Puts it on the board where the board lacks it or shows other
    // bytes.
    using Payload = std::function<Expected<std::vector<std::uint8_t>>()>;
    Expected<void> post(const MessageSlot& slot, std::uint32_t round, const Digest& previous_root,
                        const Payload& payload, StepReport& report) const;

    // One round: posts this member's messages (without `payload` only those that are stored) and
    // looks at everybody's. Where the round is complete its root is compared with the one seen
    // before, or kept (corrupt_data where they differ); otherwise `report` says what is missing and
    // which messages were refused.
    using PayloadOf = std::function<Expected<std::vector<std::uint8_t>>(const MessageSlot&)>;
    Expected<RoundView> step(std::uint32_t round, const Digest& previous_root,
                             const std::vector<MessageSlot>& slots, const PayloadOf& payload,
                             StepReport& report) const;

  private:
    MemberDirectory(std::filesystem::path directory, const std::filesystem::path& board,
                    const Charter& charter, std::uint32_t self, const MemberIdentity& identity);
    Expected<void> pin_root(std::uint32_t round, const Digest& root) const;
    std::filesystem::path directory_;
    Board board_;
    Charter charter_;
    Digest charter_id_;
    std::uint32_t self_;
    const MemberIdentity* identity_;
};

}  // namespace cipherfit
