// The container: the format of every file that the data owner and the server exchange. A header
// with the file's kind and the fingerprints of what it belongs to, then sections, each with its own
// SHA-256, then an end section whose digest chains all of them: a changed, missing, moved or
// appended byte is noticed. The digests find damage and mix-ups, they do not authenticate: whoever
// can write a file can write its digests too. Bytes: docs/reference/format.md.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/byte_stream.h"
#include "cipherfit/io/file.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

inline constexpr std::uint32_t container_version = 1;

// What a file holds. The numbers are part of the format: add, never renumber.
enum class ContainerKind : std::uint32_t {
    parameters = 1,
    plan = 2,
    public_key = 3,
    secret_key = 4,
    evaluation_keys = 5,
    training_data = 6,
    model = 7,
    checkpoint = 8,
    training_batch = 9,
    prediction_plan = 16,
    prediction_rows = 17,
    prediction_model = 18,
    prediction_scores = 19,
    ciphertexts = 40,
    keys = 41,
};

// The name in messages and JSON, e.g. "evaluation_keys"; "unknown" for any other number.
std::string_view name(ContainerKind kind) noexcept;

// A section's tag from four printable characters, which a hex dump then shows.
consteval std::uint32_t section_tag(const char (&text)[5]) {
    std::uint32_t tag = 0;
    for (unsigned i = 0; i < 4; ++i) {
        tag |= std::uint32_t{static_cast<unsigned char>(text[i])} << (8 * i);
    }
    return tag;
}

using Nonce = std::array<std::uint8_t, 16>;

// Bits of ContainerIdentity::flags. Files with any other bit are refused.
inline constexpr std::uint32_t flag_insecure_parameters = 1;  // test-only parameters

// What a file belongs to: fingerprints (SHA-256) of the parameters, of the key and of the plan, and
// the random nonce of the job. Zero where a file has none.
struct ContainerIdentity {
    Digest parameters{};
    Digest key{};
    Digest plan{};
    Nonce nonce{};
    std::uint32_t flags = 0;
    bool operator==(const ContainerIdentity&) const = default;
};

enum class IdentityPart { parameters, key, plan, job };

// Compares the parts named, byte for byte (zero is no wildcard). The parameters' part includes the
// flags. The first that differs gives fingerprint_mismatch: "<file>: made under other parameters
// (1f2e... here, 9a8b... expected); ...".
Expected<void> check_identity(std::string_view file, const ContainerIdentity& actual,
                              const ContainerIdentity& expected,
                              std::initializer_list<IdentityPart> parts);

// Writes a container from the first byte to the last; nothing of it can be seen before commit().
// Move-only. Errors of the system come back as Expected (io_failure) and then from every later
// call; calls out of order throw Error (invalid_argument).
class ContainerWriter {
  public:
    static Expected<ContainerWriter> create(const std::filesystem::path& path, ContainerKind kind,
                                            const ContainerIdentity& identity,
                                            AtomicFileOptions options = {});
    static Expected<ContainerWriter> create(std::unique_ptr<ByteSink> sink, ContainerKind kind,
                                            const ContainerIdentity& identity);

    // A whole section. `tag` is one of section_tag(); "END " is taken.
    Expected<void> section(std::uint32_t tag, std::uint32_t index,
                           std::span<const std::uint8_t> payload);
    // The same in pieces: begin_section(), then append() until exactly `length` bytes were given,
    // which ends the section.
    Expected<void> begin_section(std::uint32_t tag, std::uint32_t index, std::uint64_t length);
    Expected<void> append(std::span<const std::uint8_t> bytes);
    // Writes the end section and makes the file appear. Between sections only, once.
    Expected<void> commit();

    std::uint64_t bytes_written() const noexcept { return sink_->bytes_written(); }

  private:
    explicit ContainerWriter(std::unique_ptr<ByteSink> sink) : sink_(std::move(sink)) {}
    Expected<void> write_header(ContainerKind kind, const ContainerIdentity& identity);
    Expected<void> end_section();

    std::unique_ptr<ByteSink> sink_;
    Sha256 chain_;
    Sha256 section_hash_;
    std::uint64_t sections_ = 0;
    std::uint64_t missing_ = 0;  // bytes of the open section not yet given
    bool open_ = false;
    bool committed_ = false;
};

struct SectionHeader {
    std::uint32_t tag = 0;
    std::uint32_t index = 0;
    std::uint64_t length = 0;
};

// Reads a container in order. open() has validated the header; a payload is handed out after its
// digest was verified, and memory is taken only for lengths that the caller allows and the file
// really has. Every failure is final: later calls repeat it. Move-only. The payload buffer of a
// secret_key is wiped.
class ContainerReader {
  public:
    // Without `expected` any known kind is opened. Errors: corrupt_data, unsupported_version,
    // bad_input (another kind), io_failure.
    static Expected<ContainerReader> open(const std::filesystem::path& path,
                                          std::optional<ContainerKind> expected = {});
    static Expected<ContainerReader> open(std::unique_ptr<ByteSource> source,
                                          std::optional<ContainerKind> expected = {});
    ~ContainerReader();
    ContainerReader(ContainerReader&&) noexcept = default;
    ContainerReader& operator=(ContainerReader&&) = delete;
    ContainerReader(const ContainerReader&) = delete;
    ContainerReader& operator=(const ContainerReader&) = delete;

    ContainerKind kind() const noexcept { return kind_; }
    const ContainerIdentity& identity() const noexcept { return identity_; }
    const std::string& name() const noexcept { return source_->name(); }
    std::uint64_t size() const noexcept { return source_->size(); }
    // Bytes taken so far, for showing progress.
    std::uint64_t position() const noexcept { return position_; }

    // check_identity() of this file.
    Expected<void> expect(const ContainerIdentity& expected,
                          std::initializer_list<IdentityPart> parts) const;

    // The section that comes next, not yet verified; nothing where the end section comes.
    Expected<std::optional<SectionHeader>> peek();

    // The payload of the next section, which must be (tag, index) and have at most `max_length`
    // bytes. Valid until the next call of section() or the end of the reader.
    Expected<std::span<const std::uint8_t>> section(std::uint32_t tag, std::uint32_t index,
                                                    std::uint64_t max_length);

    // The end section: the count and the chained digest must fit, and the file must end there. To
    // be called before what was read is relied on as complete.
    Expected<void> verify_end();

  private:
    explicit ContainerReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
    Expected<void> read_header(std::optional<ContainerKind> expected);
    Expected<SectionHeader> read_section_header();
    Expected<void> read_payload(const SectionHeader& header);
    Expected<void> check_end();
    tl::unexpected<ErrorInfo> fail(ErrorInfo error);

    std::unique_ptr<ByteSource> source_;
    ContainerKind kind_ = ContainerKind::parameters;
    ContainerIdentity identity_;
    std::uint64_t position_ = 0;
    std::uint64_t sections_ = 0;
    Sha256 chain_;
    std::optional<SectionHeader> peeked_;
    bool ended_ = false;
    std::vector<std::uint8_t> buffer_;
    std::optional<ErrorInfo> failure_;
};

}  // namespace cipherfit
