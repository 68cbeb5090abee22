// A directory of messages, one a file, and rounds as it shows them. Whoever carries the messages
// may do with the directory what it likes: everything that is read is checked.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/message.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {

// Files are named for round, kind, sender and recipient. Copies share what they know of files that
// were read and have not changed since, so that looking again is cheap. One thread at a time.
class Board {
  public:
    explicit Board(std::filesystem::path directory);
    static std::string file_name(std::uint32_t round, const MessageSlot& slot);
    std::filesystem::path path(std::uint32_t round, const MessageSlot& slot) const {
        return directory_ / file_name(round, slot);
    }

    // How much of a message is read: all of it, with its payload's digest, or its head alone.
    enum class Depth { whole, head };
    // The receipt of the message in that place, whoever signed it. Empty if none is there.
    // Errors: io_failure, bad_input (too large), corrupt_data.
    Expected<std::optional<MessageReceipt>> receipt(std::uint32_t round, const MessageSlot& slot,
                                                    Depth depth = Depth::whole) const;
    // The payload of a message that was taken. Errors: corrupt_data where the file holds another
    // message by now, io_failure.
    Expected<std::vector<std::uint8_t>> payload(const MessageReceipt& receipt) const;

    // Puts there what a file holds, unless the board shows the same bytes. True: it was written.
    Expected<bool> put(std::uint32_t round, const MessageSlot& slot,
                       const std::filesystem::path& file) const;

  private:
    struct Known;
    std::filesystem::path directory_;
    std::shared_ptr<Known> known_;
};

// One round as a board shows it.
struct RoundView {
    Round round;
    std::vector<std::string> problems;  // one line a message refused
    Board board;

    // The content of a message that was taken; corrupt_data for one that was not, or that changed.
    Expected<std::vector<std::uint8_t>> payload(const MessageSlot& slot) const;
};
RoundView view_round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
                     const std::vector<MessageSlot>& expected, const Board& board,
                     Board::Depth depth = Board::Depth::whole);

// A commitment to a message that is shown in a later round: a hash of its payload's digest, so that
// receipts are enough to check it. A payload that can be guessed must begin with 32 random bytes.
Digest commit_payload(const Digest& charter, std::string_view purpose, std::uint32_t sender,
                      const Digest& payload);

}  // namespace cipherfit
