// Making the joint keys: which messages there are, where they lie, and what everybody can compute
// from them. The members' side is owner/key_ceremony.h.
//
//     round 0  every member    commits to its randomness
//     round 1  every member    reveals it
//     round 2  every dealer    commits to its shares of the public key, of relinearisation, round
//                              1, and of rotation keys
//     round 3  every dealer    shows these shares; sends each holder a sealed point
//     round 4  every dealer    its shares of relinearisation, round 2
//     round 5  every holder    has all its points: dealers forget their summands
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/message.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

inline constexpr std::uint32_t ceremony_rounds = 6;

// The messages of a round, 0..5. Throws Error(invalid_argument) for another.
std::vector<MessageSlot> ceremony_slots(const Charter& charter, std::uint32_t round);

// A directory of messages, one a file, named for round, kind, sender and recipient. Whoever carries
// the messages may do with it what it likes: everything read is checked.
class Board {
  public:
    explicit Board(std::filesystem::path directory) : directory_(std::move(directory)) {}
    static std::string file_name(std::uint32_t round, const MessageSlot& slot);
    // Nothing where the file is absent. Errors: io_failure, bad_input (too large).
    Expected<std::optional<std::vector<std::uint8_t>>> get(std::uint32_t round,
                                                           const MessageSlot& slot) const;
    // Puts the bytes there, whatever was there before.
    Expected<void> put(std::uint32_t round, const MessageSlot& slot,
                       std::span<const std::uint8_t> bytes) const;

  private:
    std::filesystem::path directory_;
};

// One round as a board shows it.
struct RoundView {
    Round round;
    std::map<MessageSlot, std::vector<std::uint8_t>> payloads;  // of the messages taken
    std::vector<std::string> problems;                          // one line a message refused
};
RoundView view_round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
                     const std::vector<MessageSlot>& expected, const Board& board);

// The common seed of complete rounds 0 and 1. Errors name the member.
Expected<Seed> ceremony_seed(const Charter& charter, const RoundView& commitments,
                             const RoundView& reveals);

// What a dealer commits to in round 2 and opens in round 3.
Digest commit_key_shares(const Charter& charter, std::uint32_t dealer, const Seed& opening,
                         const Parameters& parameters, std::span<const KeyShare> shares);

// The keys that a request asks for, in the order in which a dealer shows its shares: the public
// key, relinearisation (if asked for), rotations by id.
struct AskedShare {
    ShareKind kind = ShareKind::public_key;
    KeyId id;
    std::size_t level = 0;
};
std::vector<AskedShare> asked_shares(const Parameters& parameters, const KeyRequest& request);

// Round 3, complete: the shares of each dealer, in order of dealers, each list as asked and each as
// committed. Errors name the dealer.
Expected<std::vector<std::vector<KeyShare>>> shown_shares(const Charter& charter,
                                                          const Parameters& parameters,
                                                          const KeyRequest& request,
                                                          const RoundView& commitments,
                                                          const RoundView& shown);

struct JointKeys {
    JointPublicKey public_key;
    EvaluationKeys evaluation_keys;
};
// The joint keys that a board with complete rounds 0 to 4 makes: anyone computes the same. Errors
// name the round's missing messages, or the member whose message is wrong.
Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const Board& board);

}  // namespace cipherfit
