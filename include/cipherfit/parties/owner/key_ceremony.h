// A member's side of the key ceremony (ceremony.h), over plain directories.
//
// Every secret and every message is on the disk before anything is sent, and what was stored is
// sent again byte for byte: the program can be stopped at any point and started again. A private
// directory holds
//     randomness, opening   what this member committed to
//     dealer.seed           the summand's seed: deleted once all holders have their points
//     holder.seed, point    the noise's seed and the sum of the points
//     sent/                 this member's messages
//     roots/                the root of each round that it has seen complete
// A board that later shows other messages for such a round is refused.
#pragma once

#include "cipherfit/parties/ceremony.h"
#include "cipherfit/parties/owner/identity.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

struct CeremonyReport {
    std::uint32_t round = 0;               // the round that is open; ceremony_rounds when done
    std::vector<std::string> posted;       // what this step sent, or sent again
    std::vector<std::string> waiting_for;  // "the key shares of member 2 (Clinic North)"
    std::vector<std::string> problems;     // messages that were refused, whose and why
    bool done = false;
};

class KeyCeremony {
  public:
    // `identity` must be that of member `self` of the charter, and outlive this object. The private
    // directory is made (mode 0700) where it does not exist. Errors: bad_input, io_failure.
    static Expected<KeyCeremony> open(const std::filesystem::path& private_directory,
                                      const std::filesystem::path& board,
                                      const SignedCharter& charter, std::uint32_t self,
                                      const MemberIdentity& identity, const KeyRequest& request);

    // Does all that is due and says what it waits for. Errors (nothing is sent after one):
    // corrupt_data, which names a member that broke the protocol, or a board that shows other
    // messages than before; io_failure.
    Expected<CeremonyReport> step();

    // After the ceremony: this holder's point. bad_input before, or for a member who is no holder.
    Expected<ReleasePoint> release_point() const;
    // The seed of this holder's noise, made once.
    Expected<Seed> noise_seed() const;

  private:
    KeyCeremony(const std::filesystem::path& directory, const std::filesystem::path& board,
                const Charter& charter, std::uint32_t self, const MemberIdentity& identity,
                const KeyRequest& request, const Parameters& parameters);
    Expected<std::vector<std::uint8_t>> secret_file(const std::string& name,
                                                    std::size_t size) const;
    Expected<std::vector<std::uint8_t>> payload(const MessageSlot& slot, std::uint32_t round,
                                                const Digest& previous_root);
    Expected<void> post(const MessageSlot& slot, std::uint32_t round, const Digest& previous_root,
                        CeremonyReport& report);
    Expected<void> pin_root(std::uint32_t round, const Digest& root) const;
    Expected<Dealer> dealer() const;
    Expected<std::vector<KeyShare>> own_shares() const;
    Expected<void> keep_points();

    std::filesystem::path directory_;
    Board board_;
    Charter charter_;
    Digest charter_digest_;
    std::uint32_t self_;
    const MemberIdentity* identity_;
    KeyRequest request_;
    Parameters parameters_;
    std::vector<RoundView> views_;  // of the rounds seen in this step
};

}  // namespace cipherfit
