// Which rows a member has already pooled, and under which charter.
//
// Two sums over the same rows, once with and once without another member, differ by that member's
// own. No protocol between strangers can forbid a second charter, but each honest member can refuse
// to bring the same rows twice, and one refusal is enough: the masks then never cancel.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"

#include <filesystem>
#include <map>
#include <span>

namespace cipherfit {

// A private file (mode 0600) of row digests. Move-only value; every claim is on the disk before
// claim() returns.
class RowsLedger {
  public:
    // An absent file is an empty ledger. Errors: corrupt_data, io_failure.
    static Expected<RowsLedger> open(const std::filesystem::path& path);
    // Records that these rows go into this charter. bad_input where any of them went into another,
    // with its digest; nothing is recorded then. The same claim again changes nothing.
    Expected<void> claim(const Digest& charter, std::span<const Digest> rows);
    std::size_t size() const noexcept { return rows_.size(); }

  private:
    explicit RowsLedger(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
    std::map<Digest, Digest> rows_;  // row to charter
};

}  // namespace cipherfit
