// A member's own directory, private to it (mode 0700): its keys, the ledger of rows that it has
// pooled, and one folder for each charter.
//     identity.key           the private keys (mode 0600)
//     card.bin               what it hands out (parties/member_card.h)
//     rows.ledger            which rows went into which charter
//     charters/<digest>/     see member_directory.h
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/charter.h"
#include "cipherfit/parties/member_card.h"
#include "cipherfit/parties/owner/identity.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace cipherfit {

class MemberHome {
  public:
    // Draws keys and writes the directory; never over keys that are there, except that what a
    // killed process left unfinished under the same name is finished. Errors: bad_input,
    // io_failure.
    static Expected<MemberHome> create(const std::filesystem::path& directory,
                                       const std::string& name);
    // Errors: io_failure, corrupt_data.
    static Expected<MemberHome> open(const std::filesystem::path& directory);

    const MemberIdentity& identity() const noexcept { return identity_; }
    const MemberCard& card() const noexcept { return card_; }
    std::filesystem::path card_file() const { return directory_ / "card.bin"; }
    std::filesystem::path ledger() const { return directory_ / "rows.ledger"; }
    std::filesystem::path charter_directory(const Charter& charter) const;
    // Which member of the charter this is; bad_input if it is not one of them.
    Expected<std::uint32_t> self_in(const Charter& charter) const;

  private:
    MemberHome(std::filesystem::path directory, MemberIdentity identity, MemberCard card)
        : directory_(std::move(directory)),
          identity_(std::move(identity)),
          card_(std::move(card)) {}
    std::filesystem::path directory_;
    MemberIdentity identity_;
    MemberCard card_;
};

}  // namespace cipherfit
