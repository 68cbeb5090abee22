// A member's side of the key ceremony (ceremony.h), over plain directories.
//
// Every secret and every message is on the disk before anything is sent, and what was stored is
// sent again byte for byte: the program can be stopped at any point and started again. A private
// directory holds
//     randomness, opening   what this member committed to
//     dealer.seed           the summand's seed: deleted once all holders have their points
//     shown                 what this dealer committed to show, deleted with it
//     holder.seed, point    the noise's seed and the sum of the points
//     sent/                 this member's messages
//     roots/                the root of each round that it has seen complete
// A board that later shows other messages for such a round is refused.
#pragma once

#include "cipherfit/parties/ceremony.h"
#include "cipherfit/parties/owner/member_directory.h"
#include "cipherfit/rlwe/owner/multiparty/dealer.h"

#include <filesystem>
#include <utility>
#include <vector>

namespace cipherfit {

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
    Expected<StepReport> step();

    // After the ceremony: this holder's point. bad_input before, or for a member who is no holder.
    Expected<ReleasePoint> release_point() const;
    // The seed of this holder's noise, made once.
    Expected<Seed> noise_seed() const;

    // The root of the last round, once step() has reported that all is done: the next round's
    // messages carry it.
    const Digest& last_root() const noexcept { return last_root_; }

  private:
    KeyCeremony(MemberDirectory member, const KeyRequest& request, const Parameters& parameters)
        : member_(std::move(member)), request_(request), parameters_(parameters) {}
    Expected<std::vector<std::uint8_t>> payload(const MessageSlot& slot, std::uint32_t round,
                                                const Digest& previous_root) const;
    Expected<std::vector<std::uint8_t>> sealed_point(const MessageSlot& slot, std::uint32_t round,
                                                     const Digest& previous_root) const;
    Expected<std::vector<std::uint8_t>> round_two() const;
    Expected<std::vector<std::uint8_t>> shown_payload() const;
    Expected<Dealer> dealer() const;
    Expected<std::vector<KeyShare>> own_shares() const;
    Expected<void> keep_points() const;
    Expected<void> check_round(std::uint32_t round) const;
    Expected<void> forget() const;

    MemberDirectory member_;
    KeyRequest request_;
    Parameters parameters_;
    std::vector<RoundView> views_;  // of the rounds seen in this step
    Digest last_root_{};
};

}  // namespace cipherfit
