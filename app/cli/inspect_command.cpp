// cipherfit inspect: what is in a container, never a secret.
#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cli/commands.h"
#include "common/progress_line.h"
#include "common/streams.h"

#include <map>
#include <memory>
#include <span>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// No section of a sound file is larger; memory is taken only for what the file really has.
constexpr std::uint64_t largest_section = std::uint64_t{1} << 34U;

// Lines that are printed once the whole file proved sound.
class Text {
  public:
    void line(const std::string& head, const std::string& body) {
        text_ += fmt::format("  {:<22}{}\n", head, body);
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

bool is_zero(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
        if (byte != 0) {
            return false;
        }
    }
    return true;
}

void add_identity(Text& text, const ContainerIdentity& identity) {
    const auto part = [&text](const char* head, std::span<const std::uint8_t> bytes) {
        text.line(head, is_zero(bytes) ? "none" : to_hex(bytes));
    };
    part("parameters", identity.parameters);
    part("key", identity.key);
    part("plan", identity.plan);
    part("job", identity.nonce);
    if ((identity.flags & flag_insecure_parameters) != 0) {
        text.line("warning", "made under insecure parameters, for tests only");
    }
}

std::string tag_text(std::uint32_t tag) {
    std::string text;
    for (unsigned i = 0; i < 4; ++i) {
        const char c = static_cast<char>((tag >> (8 * i)) & 0xffU);
        text += c >= ' ' && c <= '~' ? c : '?';
    }
    return text;
}

// Which key, at which level, from the first 8 bytes of its section.
std::string describe_key(ByteReader& in) {
    const std::uint32_t rotation = in.u32();
    const std::uint32_t level = in.u32();
    return fmt::format("{} at level {}", KeyId{rotation}.describe(), level);
}

std::string describe_ciphertext(ByteReader& in, const char* kind) {
    const std::uint32_t level = in.u32();
    in.u32();
    return fmt::format("{} at level {}, scale {:.4g}", kind, level, in.f64());
}

std::string describe_plan(std::span<const std::uint8_t> payload) {
    const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
        return "no JSON";
    }
    return json.dump();
}

// What a section holds, as far as that is public.
std::string describe(ContainerKind kind, const SectionHeader& section,
                     std::span<const std::uint8_t> payload) {
    constexpr std::uint32_t plan = section_tag("PLAN");
    constexpr std::uint32_t key = section_tag("EKEY");
    constexpr std::uint32_t seeded = section_tag("SEED");
    constexpr std::uint32_t ciphertext = section_tag("CIPH");
    constexpr std::uint32_t list = section_tag("LIST");
    ByteReader in(payload);
    if (kind == ContainerKind::secret_key) {
        return section.tag == section_tag("PARM") ? "parameters" : "the secret key (not shown)";
    }
    switch (section.tag) {
        case plan:
            return describe_plan(payload);
        case key:
            return describe_key(in);
        case seeded:
            return describe_ciphertext(in, "ciphertext, seeded,");
        case ciphertext:
            return describe_ciphertext(in, "ciphertext");
        case list:
            return fmt::format("state after iteration {}", in.u32());
        default:
            return "unknown";
    }
}

void inspect(const fs::path& path) {
    Text text;
    auto reader = value_or_throw(ContainerReader::open(path));
    text.line("file", path.string());
    text.line("kind", std::string(name(reader.kind())));
    text.line("format version", std::to_string(container_version));
    text.line("size", fmt::format("{} ({} bytes)", format_bytes(static_cast<double>(reader.size())),
                                  format_count(reader.size())));
    if (reader.kind() == ContainerKind::secret_key) {
        text.line("passphrase", value_or_throw(needs_passphrase(path)) ? "yes" : "no");
    }
    add_identity(text, reader.identity());
    std::size_t sections = 0;
    while (const auto next = value_or_throw(reader.peek())) {
        const SectionHeader section = *next;
        const auto payload =
            value_or_throw(reader.section(section.tag, section.index, largest_section));
        text.line(fmt::format("section {} {}", tag_text(section.tag), section.index),
                  fmt::format("{}: {}", format_bytes(static_cast<double>(section.length)),
                              describe(reader.kind(), section, payload)));
        ++sections;
    }
    value_or_throw(reader.verify_end());
    text.line("checksums", fmt::format("all right in {} sections", sections));
    print_answer("{}", text.text());
}

}  // namespace

void add_inspect_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "inspect", "Say what a cipherfit file holds, and check it; never shows a secret");
    command->footer(
        "Example:\n"
        "  cipherfit inspect job/training_data.cft");
    auto file = std::make_shared<fs::path>();
    command->add_option("file", *file, "The file")->required()->type_name("FILE");
    command->callback([file] { inspect(*file); });
}

}  // namespace cipherfit
