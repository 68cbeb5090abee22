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
#include "cipherfit/parties/board.h"
#include "cipherfit/parties/message.h"
#include "cipherfit/rlwe/multiparty/key_shares.h"

#include <cstdint>
#include <vector>

namespace cipherfit {

inline constexpr std::uint32_t ceremony_rounds = 6;

// The messages of a round, 0..5. Throws Error(invalid_argument) for another.
std::vector<MessageSlot> ceremony_slots(const Charter& charter, std::uint32_t round);

// The common seed of complete rounds 0 and 1. Errors name the member.
Expected<Seed> ceremony_seed(const Charter& charter, const RoundView& commitments,
                             const RoundView& reveals);

// The keys that a request asks for, in the order in which a dealer shows its shares: the public
// key, relinearisation (if asked for), rotations by id.
struct AskedShare {
    ShareKind kind = ShareKind::public_key;
    KeyId id;
    std::size_t level = 0;
};
std::vector<AskedShare> asked_shares(const Parameters& parameters, const KeyRequest& request);

// What a dealer commits to in round 2: the payload that it shows in round 3, which is 32 random
// bytes and its shares as asked. `payload` is the SHA-256 of that.
Digest commit_key_shares(const Charter& charter, std::uint32_t dealer, const Digest& payload);
// Whether every dealer showed what it had committed to: by receipts, rounds 2 and 3 being complete.
// Errors name the dealer.
Expected<void> check_shown(const Charter& charter, const RoundView& commitments,
                           const RoundView& shown);
// The first shares of that dealer in round 3, at most `most`, each as asked. Errors name the
// dealer.
Expected<std::vector<KeyShare>> shown_shares(const Charter& charter, const Parameters& parameters,
                                             const KeyRequest& request, const RoundView& shown,
                                             std::uint32_t dealer, std::size_t most = 4096);

// Rounds 0 to 4 of a board, all complete and as committed, and the common seed.
struct KeyRounds {
    std::vector<RoundView> views;
    Seed common{};
    Digest root{};  // of the last of them
};
// Errors name the round's missing messages, or the member whose message is wrong.
Expected<KeyRounds> key_rounds(const Charter& charter, const Board& board);

struct JointKeys {
    JointPublicKey public_key;
    EvaluationKeys evaluation_keys;
};
// The joint keys that a board with complete rounds 0 to 4 makes: anyone computes the same. Holds
// the shares of one dealer at a time. Errors as of key_rounds().
Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const Board& board);
// The same from rounds that were looked at, and whose root was compared.
Expected<JointKeys> joint_keys(const Charter& charter, const KeyRequest& request,
                               const KeyRounds& rounds);
// The public key alone: all that a contributor needs.
Expected<JointPublicKey> joint_public_key(const Charter& charter, const Board& board);

}  // namespace cipherfit
