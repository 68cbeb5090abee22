#include "cipherfit/parties/owner/member_directory.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "parties/failed.h"
#include "parties/owner/wipe_bytes.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

bool present(const fs::path& path) {
    std::error_code none;
    return fs::exists(path, none);
}

std::string root_name(std::uint32_t round) {
    return fmt::format("roots/{:02}", round);
}

}  // namespace

MemberDirectory::MemberDirectory(fs::path directory, const fs::path& board, const Charter& charter,
                                 std::uint32_t self, const MemberIdentity& identity)
    : directory_(std::move(directory)),
      board_(board),
      charter_(charter),
      charter_id_(charter_digest(charter)),
      self_(self),
      identity_(&identity) {}

Expected<MemberDirectory> MemberDirectory::open(const fs::path& directory, const fs::path& board,
                                                const SignedCharter& charter, std::uint32_t self,
                                                const MemberIdentity& identity) {
    if (const auto checked = check_charter(charter.charter); !checked) {
        return failed(checked);
    }
    const auto missing = charter.unsigned_members();
    if (!missing.empty()) {
        return make_error(ErrorCode::bad_input,
                          "the charter is not signed by {}: nothing happens before all have signed",
                          charter.charter.describe(missing[0]));
    }
    if (self >= charter.charter.members.size() ||
        charter.charter.members[self].identity != identity.identity_key() ||
        charter.charter.members[self].sealing != identity.sealing_key()) {
        return make_error(ErrorCode::bad_input, "these private keys are not those of {}",
                          charter.charter.describe(self));
    }
    for (const fs::path& path : {directory, directory / "sent", directory / "roots"}) {
        std::error_code error;
        fs::create_directories(path, error);
        if (!error) {
            fs::permissions(path, fs::perms::owner_all, error);
        }
        if (error) {
            return make_error(ErrorCode::io_failure, "{}: {}", path.string(), error.message());
        }
    }
    return MemberDirectory(directory, board, charter.charter, self, identity);
}

bool MemberDirectory::has(const std::string& name) const {
    return present(path(name));
}

Expected<Bytes> MemberDirectory::secret(const std::string& name, std::size_t size) const {
    if (!has(name)) {
        Bytes fresh(size);
        const WipeBytes guard(fresh);
        random_secret_bytes(fresh);
        if (const auto written = keep(name, fresh); !written) {
            return failed(written);
        }
    }
    auto bytes = read_file(path(name), size);
    if (bytes && bytes->size() != size) {
        return make_error(ErrorCode::corrupt_data, "{} has {} bytes instead of {}",
                          path(name).string(), bytes->size(), size);
    }
    return bytes;
}

Expected<void> MemberDirectory::keep(const std::string& name,
                                     std::span<const std::uint8_t> bytes) const {
    return write_file(path(name), bytes, {.exclusive = true, .mode = 0600});
}

Expected<void> MemberDirectory::post(const MessageSlot& slot, std::uint32_t round,
                                     const Digest& previous_root, const Payload& payload,
                                     StepReport& report) const {
    const std::string stored = "sent/" + Board::file_name(round, slot);
    if (!has(stored)) {
        auto content = payload();
        if (!content) {
            return failed(content);
        }
        const Message message = sign_message(
            *identity_,
            {.charter = charter_id_, .round = round, .slot = slot, .previous_root = previous_root},
            std::move(*content));
        if (const auto written = keep(stored, to_bytes(message)); !written) {
            return written;
        }
    }
    const auto written = board_.put(round, slot, path(stored));
    if (!written) {
        return failed(written);
    }
    if (*written) {
        report.posted.push_back(describe(charter_, slot));
    }
    return {};
}

Expected<void> MemberDirectory::pin_root(std::uint32_t round, const Digest& root) const {
    const std::string name = root_name(round);
    if (!has(name)) {
        return keep(name, root);
    }
    const auto before = read_file(path(name), root.size());
    if (!before) {
        return failed(before);
    }
    if (!std::ranges::equal(*before, root)) {
        const std::size_t shown = std::min<std::size_t>(8, before->size());
        return make_error(ErrorCode::corrupt_data,
                          "round {} shows other messages than it did before (root {}, now {}): "
                          "whoever carries the messages has exchanged some",
                          round, to_hex(std::span(*before).first(shown)),
                          to_hex(std::span(root).first(8)));
    }
    return {};
}

Expected<RoundView> MemberDirectory::step(std::uint32_t round, const Digest& previous_root,
                                          const std::vector<MessageSlot>& slots,
                                          const PayloadOf& payload, StepReport& report) const {
    report.round = round;
    for (const MessageSlot& slot : slots) {
        const bool stored = has("sent/" + Board::file_name(round, slot));
        if (slot.sender == self_ && (payload || stored)) {
            const auto posted =
                post(slot, round, previous_root, [&] { return payload(slot); }, report);
            if (!posted) {
                return failed(posted);
            }
        }
    }
    // Once its root is kept, heads say whether a round still shows the same; payloads are checked
    // where they are used.
    const Board::Depth depth = has(root_name(round)) ? Board::Depth::head : Board::Depth::whole;
    RoundView view = view_round(charter_, round, previous_root, slots, board_, depth);
    if (view.round.complete()) {
        if (const auto pinned = pin_root(round, view.round.root()); !pinned) {
            return failed(pinned);
        }
        report.round = round + 1;
        return view;
    }
    report.problems = view.problems;
    for (const MessageSlot& slot : view.round.missing()) {
        report.waiting_for.push_back(describe(charter_, slot));
    }
    return view;
}

}  // namespace cipherfit
