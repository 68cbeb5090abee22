#include "cipherfit/parties/board.h"

#include "cipherfit/io/file.h"
#include "parties/failed.h"
#include "rlwe/multiparty/hashing.h"

#include <algorithm>
#include <system_error>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

// What tells that a file is still the one that was read.
struct FileMark {
    std::uintmax_t bytes = 0;
    fs::file_time_type written;
    friend bool operator==(const FileMark&, const FileMark&) = default;
};

std::optional<FileMark> mark_of(const fs::path& path) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (error) {
        return {};
    }
    const auto written = fs::last_write_time(path, error);
    return error ? std::nullopt : std::optional(FileMark{bytes, written});
}

bool present(const fs::path& path) {
    std::error_code none;
    return fs::exists(path, none);
}

Expected<Digest> hash_from(ByteSource& source, std::uint64_t offset) {
    Sha256 hash;
    std::vector<std::uint8_t> piece(piece_bytes);
    while (offset < source.size()) {
        const std::size_t bytes =
            static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, source.size() - offset));
        const auto part = std::span(piece).first(bytes);
        if (const auto read = source.read_at(offset, part); !read) {
            return failed(read);
        }
        hash.update(part);
        offset += bytes;
    }
    return hash.finish();
}

Expected<bool> same_bytes(const fs::path& a, const fs::path& b) {
    const auto first = FileSource::open(a);
    const auto second = FileSource::open(b);
    if (!first || !second || (*first)->size() != (*second)->size()) {
        return false;
    }
    const auto one = hash_from(**first, 0);
    const auto two = hash_from(**second, 0);
    if (!one || !two) {
        return failed(one ? two : one);
    }
    return *one == *two;
}

struct OpenMessage {
    std::unique_ptr<FileSource> source;
    MessageHead head;
};

Expected<OpenMessage> open_message(const fs::path& path, PartyMessageKind kind) {
    auto source = FileSource::open(path);
    if (!source) {
        return failed(source);
    }
    const std::uint64_t size = (*source)->size();
    const std::uint64_t most = largest_message_head + largest_payload(kind);
    if (size > most) {
        return make_error(ErrorCode::bad_input, "it has {} bytes, and at most {} are taken", size,
                          most);
    }
    std::vector<std::uint8_t> front(
        static_cast<std::size_t>(std::min<std::uint64_t>(size, largest_message_head)));
    if (const auto read = (*source)->read_at(0, front); !read) {
        return failed(read);
    }
    const auto head = message_head(front);
    if (!head) {
        return failed(head);
    }
    const MessageHeader& header = head->receipt.header;
    if (size - head->payload_at != header.payload_bytes) {
        return make_error(ErrorCode::corrupt_data,
                          "the message has a payload of {} bytes, and {} were signed",
                          size - head->payload_at, header.payload_bytes);
    }
    return OpenMessage{.source = std::move(*source), .head = *head};
}

}  // namespace

struct Board::Known {
    std::map<std::string, std::pair<FileMark, MessageReceipt>> whole;
    std::map<std::string, std::pair<FileMark, FileMark>> same;  // shown and stored
};

Board::Board(fs::path directory)
    : directory_(std::move(directory)), known_(std::make_shared<Known>()) {}

std::string Board::file_name(std::uint32_t round, const MessageSlot& slot) {
    const std::string recipient =
        slot.recipient == to_everyone ? "all" : fmt::format("{:03}", slot.recipient);
    return fmt::format("{:02}-{:02}-{:03}-{}.msg", round, static_cast<std::uint32_t>(slot.kind),
                       slot.sender, recipient);
}

Expected<std::optional<MessageReceipt>> Board::receipt(std::uint32_t round, const MessageSlot& slot,
                                                       Depth depth) const {
    const std::string name = file_name(round, slot);
    const fs::path place = directory_ / name;
    if (!present(place)) {
        return std::optional<MessageReceipt>();
    }
    const auto mark = mark_of(place);
    const auto known = known_->whole.find(name);
    if (mark && known != known_->whole.end() && known->second.first == *mark) {
        return std::optional(known->second.second);
    }
    auto message = open_message(place, slot.kind);
    if (!message) {
        return failed(message);
    }
    const MessageReceipt& receipt = message->head.receipt;
    if (depth == Depth::whole) {
        const auto digest = hash_from(*message->source, message->head.payload_at);
        if (!digest) {
            return failed(digest);
        }
        if (*digest != receipt.header.payload) {
            return tl::unexpected<ErrorInfo>(other_payload(receipt.header));
        }
        if (mark) {
            known_->whole.insert_or_assign(name, std::pair(*mark, receipt));
        }
    }
    return std::optional(receipt);
}

Expected<std::vector<std::uint8_t>> Board::payload(const MessageReceipt& receipt) const {
    const MessageHeader& header = receipt.header;
    const auto changed = [&] {
        return make_error(ErrorCode::corrupt_data,
                          "{} holds another message than it did before: have the right one put "
                          "there again",
                          file_name(header.round, header.slot));
    };
    auto message = open_message(path(header.round, header.slot), header.slot.kind);
    if (!message) {
        return failed(message);
    }
    if (message->head.receipt != receipt) {
        return changed();
    }
    std::vector<std::uint8_t> result(static_cast<std::size_t>(header.payload_bytes));
    if (const auto read = message->source->read_at(message->head.payload_at, result); !read) {
        return failed(read);
    }
    if (sha256(result) != header.payload) {
        return changed();
    }
    return result;
}

Expected<bool> Board::put(std::uint32_t round, const MessageSlot& slot,
                          const fs::path& file) const {
    const std::string name = file_name(round, slot);
    const fs::path place = directory_ / name;
    const auto shown = mark_of(place);
    const auto stored = mark_of(file);
    const auto known = known_->same.find(name);
    if (shown && stored && known != known_->same.end() &&
        known->second == std::pair(*shown, *stored)) {
        return false;
    }
    const auto same = present(place) ? same_bytes(place, file) : Expected<bool>(false);
    if (!same) {
        return failed(same);
    }
    if (*same) {
        if (shown && stored) {
            known_->same.insert_or_assign(name, std::pair(*shown, *stored));
        }
        return false;
    }
    const auto bytes = read_file(file, largest_message_head + largest_payload(slot.kind));
    if (!bytes) {
        return failed(bytes);
    }
    if (const auto written = write_file(place, *bytes); !written) {
        return failed(written);
    }
    return true;
}

Expected<std::vector<std::uint8_t>> RoundView::payload(const MessageSlot& slot) const {
    const auto found = round.receipts().find(slot);
    if (found == round.receipts().end()) {
        return make_error(ErrorCode::corrupt_data, "{} is not there",
                          Board::file_name(round.number(), slot));
    }
    return board.payload(found->second);
}

RoundView view_round(const Charter& charter, std::uint32_t number, const Digest& previous_root,
                     const std::vector<MessageSlot>& expected, const Board& board,
                     Board::Depth depth) {
    RoundView view{
        .round = Round(charter, number, previous_root, expected), .problems = {}, .board = board};
    for (const MessageSlot& slot : expected) {
        const auto refuse = [&](const std::string& why) {
            view.problems.push_back(fmt::format("{}: {}", Board::file_name(number, slot), why));
        };
        const auto receipt = board.receipt(number, slot, depth);
        if (!receipt) {
            refuse(receipt.error().message);
            continue;
        }
        if (!*receipt) {
            continue;
        }
        if ((*receipt)->header.slot != slot) {
            refuse(fmt::format("it holds {}", describe(charter, (*receipt)->header.slot)));
            continue;
        }
        if (const auto taken = view.round.accept(**receipt); !taken) {
            refuse(taken.error().message);
        }
    }
    return view;
}

Digest commit_payload(const Digest& charter, std::string_view purpose, std::uint32_t sender,
                      const Digest& payload) {
    return FieldHash("cipherfit committed payload 1")
        .field(charter)
        .field(purpose)
        .number(sender)
        .field(payload)
        .finish();
}

}  // namespace cipherfit
