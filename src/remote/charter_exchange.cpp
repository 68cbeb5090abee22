#include "remote/charter_exchange.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter.h"
#include "cipherfit/parties/post_place.h"

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_charter = std::size_t{4} << 20U;
constexpr std::uint64_t largest_entry = std::uint64_t{2} << 30U;  // twice a message's payload
// All that one posts, far above what the largest charter asks for.
constexpr std::uint64_t most_of_a_member = std::uint64_t{16} << 30U;
constexpr std::string_view signatures = "signatures/";
constexpr std::string_view messages = "messages/";
constexpr std::string_view result = "result.bin";

std::vector<std::string> posts_in(const fs::path& directory, std::size_t members) {
    std::vector<std::string> names;
    for (const std::string_view folder : {signatures, messages}) {
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(directory / folder, none)) {
            std::string name = std::string(folder) + entry.path().filename().string();
            if (post_place(name, members) && fs::is_regular_file(entry.symlink_status())) {
                names.push_back(std::move(name));
            }
        }
    }
    std::ranges::sort(names);
    return names;
}

// The signature of a member that is here already.
std::optional<std::pair<std::uint32_t, std::vector<std::uint8_t>>> signature_in(
    const fs::path& directory, std::size_t members) {
    for (const std::string& name : posts_in(directory, members)) {
        if (const auto place = post_place(name, members); place->is_signature) {
            return std::pair(place->slot.sender,
                             value_or_throw(read_file(directory / name, Signature{}.size())));
        }
    }
    return {};
}

}  // namespace

CharterExchange::CharterExchange(ServiceClient& client, fs::path directory, std::string id,
                                 const std::vector<std::string>& clients)
    : client_(client), directory_(std::move(directory)), id_(std::move(id)) {
    const auto charter = value_or_throw(read_file(directory_ / "charter.bin", largest_charter));
    members_ = value_or_throw(charter_from_bytes(charter)).members.size();
    if (client_.charter(id_)) {
        return;
    }
    require(!clients.empty(), ErrorCode::bad_input,
            "{}: this charter is not known there, or not to you: name the other members' clients "
            "once, to make it known",
            client_.address());
    const auto signature = signature_in(directory_, members_);
    require(signature.has_value(), ErrorCode::bad_input,
            "{}: nobody has signed this charter here, and a member's signature makes it known to a "
            "service: sign it first",
            directory_.string());
    const RemoteJob made = client_.create_charter({.charter = charter,
                                                   .clients = clients,
                                                   .member = signature->first,
                                                   .signature = signature->second});
    require(made.id == id_, ErrorCode::corrupt_data,
            "{}: the service takes the charter for another one ({})", client_.address(), made.id);
}

void CharterExchange::synchronise() {
    std::map<std::string, RemoteFile> board;
    std::uint64_t bytes = 0;
    for (const RemoteFile& file : client_.files(Shelf::charter, id_)) {
        if (file.complete && (post_place(file.name, members_) || file.name == result)) {
            require(file.bytes <= largest_entry, ErrorCode::corrupt_data,
                    "{}: the service's '{}' has {} bytes, where at most {} make sense",
                    client_.address(), file.name, file.bytes, largest_entry);
            if (board.emplace(file.name, file).second) {
                bytes += file.bytes;
            }
        }
    }
    const std::uint64_t most = members_ * most_of_a_member;
    require(bytes <= most, ErrorCode::corrupt_data,
            "{}: the service has {} bytes of this charter, where at most {} make sense",
            client_.address(), bytes, most);
    for (const auto& [name, file] : board) {
        const fs::path path = directory_ / name;
        if (!fs::exists(path)) {
            fs::create_directories(path.parent_path());
            client_.download(Shelf::charter, id_, name, path, file.bytes);
        }
    }
    for (const std::string& name : posts_in(directory_, members_)) {
        if (!board.contains(name)) {
            client_.upload(Shelf::charter, id_, name, directory_ / name);
        }
    }
}

void CharterExchange::start_if_ready() {
    const RemoteState now = state().state;
    if (now == RemoteState::uploading || now == RemoteState::failed) {
        static_cast<void>(client_.start_if_ready(id_));
    }
}

}  // namespace cipherfit
