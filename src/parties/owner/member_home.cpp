#include "cipherfit/parties/owner/member_home.h"

#include "cipherfit/io/file.h"
#include "parties/failed.h"
#include "parties/owner/wipe_bytes.h"

#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

fs::path key_file(const fs::path& directory) {
    return directory / "identity.key";
}

Expected<MemberIdentity> read_identity(const fs::path& directory) {
    auto bytes = read_file(key_file(directory), MemberIdentity::secret_bytes);
    if (!bytes) {
        return failed(bytes);
    }
    const WipeBytes guard(*bytes);
    if (bytes->size() != MemberIdentity::secret_bytes) {
        return make_error(ErrorCode::corrupt_data, "{}: has {} bytes, and a member's keys have {}",
                          key_file(directory).string(), bytes->size(),
                          MemberIdentity::secret_bytes);
    }
    return MemberIdentity::from_secret(std::span(*bytes).first<MemberIdentity::secret_bytes>());
}

bool is_there(const fs::path& path) {
    std::error_code none;
    return fs::exists(path, none);
}

Expected<void> make_private(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (!error) {
        fs::permissions(directory, fs::perms::owner_all, error);
    }
    if (error) {
        return make_error(ErrorCode::io_failure, "{}: {}", directory.string(), error.message());
    }
    return {};
}

}  // namespace

Expected<MemberHome> MemberHome::create(const fs::path& directory, const std::string& name) {
    const fs::path card_path = directory / "card.bin";
    if (is_there(card_path)) {
        return make_error(ErrorCode::bad_input,
                          "{}: a member has its keys here already, which are not replaced: name "
                          "another directory",
                          directory.string());
    }
    if (name.empty() || name.size() > 256) {
        return make_error(ErrorCode::bad_input, "a member's name has 1 to 256 bytes, and '{}' {}",
                          name, name.size());
    }
    for (const fs::path& path : {directory, directory / "charters"}) {
        if (auto made = make_private(path); !made) {
            return failed(made);
        }
    }
    if (!is_there(key_file(directory))) {
        const MemberIdentity fresh = MemberIdentity::generate();
        if (auto written =
                write_file(key_file(directory), fresh.secret(), {.exclusive = true, .mode = 0600});
            !written) {
            return failed(written);
        }
    }
    auto identity = read_identity(directory);
    if (!identity) {
        return failed(identity);
    }
    MemberCard card{
        .name = name, .identity = identity->identity_key(), .sealing = identity->sealing_key()};
    card.signature = identity->sign(card_purpose, signed_bytes(card));
    if (auto written = write_file(card_path, to_bytes(card)); !written) {
        return failed(written);
    }
    return MemberHome(directory, std::move(*identity), std::move(card));
}

Expected<MemberHome> MemberHome::open(const fs::path& directory) {
    auto identity = read_identity(directory);
    if (!identity) {
        return failed(identity);
    }
    const auto bytes = read_file(directory / "card.bin", largest_card_bytes);
    if (!bytes) {
        return failed(bytes);
    }
    auto card = member_card_from_bytes(*bytes);
    if (!card) {
        return failed(card);
    }
    if (card->identity != identity->identity_key() || card->sealing != identity->sealing_key()) {
        return make_error(ErrorCode::corrupt_data, "{}: the card is that of other keys",
                          directory.string());
    }
    return MemberHome(directory, std::move(*identity), std::move(*card));
}

fs::path MemberHome::charter_directory(const Charter& charter) const {
    const Digest digest = charter_digest(charter);
    return directory_ / "charters" / to_hex(std::span(digest).first(16));
}

Expected<std::uint32_t> MemberHome::self_in(const Charter& charter) const {
    for (std::uint32_t i = 0; i < charter.members.size(); ++i) {
        const CharterMember& member = charter.members[i];
        if (member.identity == card_.identity && member.sealing == card_.sealing) {
            return i;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "{} is no member of this charter: none of its members has these keys",
                      card_.name);
}

}  // namespace cipherfit
