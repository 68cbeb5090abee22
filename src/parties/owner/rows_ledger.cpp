#include "cipherfit/parties/owner/rows_ledger.h"

#include "cipherfit/io/bytes.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <system_error>

namespace cipherfit {
namespace {

constexpr std::string_view ledger_magic = "cipherfit rows ledger 1";
constexpr std::size_t most_rows = std::size_t{1} << 24U;

Digest read_digest(ByteReader& in) {
    Digest result{};
    const auto bytes = in.bytes(result.size());
    if (bytes.size() == result.size()) {
        std::ranges::copy(bytes, result.begin());
    }
    return result;
}

}  // namespace

Expected<RowsLedger> RowsLedger::open(const std::filesystem::path& path) {
    RowsLedger result(path);
    std::error_code none;
    if (!std::filesystem::exists(path, none)) {
        return result;
    }
    const auto bytes = read_file(path, 64 + 64 * most_rows);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    ByteReader in(*bytes);
    if (in.string(64) != ledger_magic) {
        in.fail("this is no ledger of rows");
    }
    const std::uint64_t count = in.count(most_rows, 64);
    for (std::uint64_t i = 0; i < count; ++i) {
        const Digest row = read_digest(in);
        result.rows_[row] = read_digest(in);
    }
    if (auto done = in.finish(path.string()); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

Expected<void> RowsLedger::claim(const Digest& charter, std::span<const Digest> rows) {
    for (const Digest& row : rows) {
        const auto found = rows_.find(row);
        if (found != rows_.end() && found->second != charter) {
            return make_error(
                ErrorCode::bad_input,
                "some of these rows went into the charter {} already: sums of both would show what "
                "another member added. Bring other rows, or stay out of this charter",
                to_hex(std::span(found->second).first(8)));
        }
    }
    std::map<Digest, Digest> all = rows_;
    for (const Digest& row : rows) {
        all[row] = charter;
    }
    if (all.size() > most_rows) {
        return make_error(ErrorCode::bad_input, "the ledger holds at most {} rows", most_rows);
    }
    ByteWriter out;
    out.string(ledger_magic);
    out.u64(all.size());
    for (const auto& [row, of] : all) {
        out.bytes(row);
        out.bytes(of);
    }
    if (auto written = write_file(path_, out.view(), {.mode = 0600}); !written) {
        return written;
    }
    rows_ = std::move(all);
    return {};
}

}  // namespace cipherfit
