// The bytes of a charter: fields in a fixed order, little-endian, with their lengths.
#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/charter.h"
#include "parties/array_bytes.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

constexpr std::string_view charter_magic = "cipherfit charter";
constexpr std::string_view signed_magic = "cipherfit signed charter";
constexpr std::uint32_t charter_version = 1;
constexpr std::size_t longest_text = std::size_t{1} << 20U;
constexpr std::size_t most_names = 65536;
constexpr std::size_t most_parameter_bytes = 4096;

enum Role : std::uint8_t { contributor = 1, holder = 2, dealer = 4, recipient = 8 };

std::uint8_t roles(const CharterMember& member) {
    return static_cast<std::uint8_t>(
        (member.contributor ? Role::contributor : 0) | (member.holder ? Role::holder : 0) |
        (member.dealer ? Role::dealer : 0) | (member.recipient ? Role::recipient : 0));
}

void write_names(ByteWriter& out, const std::vector<std::string>& names) {
    out.u64(names.size());
    for (const std::string& name : names) {
        out.string(name);
    }
}

std::vector<std::string> read_names(ByteReader& in) {
    std::vector<std::string> names(in.count(most_names, 4));
    for (std::string& name : names) {
        name = in.string(longest_name);
    }
    return names;
}

void read_header(ByteReader& in, std::string_view magic) {
    if (in.string(64) != magic) {
        in.fail(fmt::format("this is no {}", magic));
    }
    const std::uint32_t version = in.u32();
    if (in.ok() && version != charter_version) {
        in.fail(fmt::format("format version {} is unknown", version));
    }
}

CharterMember read_member(ByteReader& in) {
    CharterMember member;
    member.name = in.string(longest_name);
    read_bytes(in, member.identity.bytes);
    read_bytes(in, member.sealing.bytes);
    const std::uint8_t flags = in.u8();
    if (flags > 15) {
        in.fail(fmt::format("a member has the unknown roles {}", flags));
    }
    member.contributor = (flags & Role::contributor) != 0;
    member.holder = (flags & Role::holder) != 0;
    member.dealer = (flags & Role::dealer) != 0;
    member.recipient = (flags & Role::recipient) != 0;
    return member;
}

}  // namespace

std::vector<std::uint8_t> to_bytes(const Charter& charter) {
    ByteWriter out;
    out.string(charter_magic);
    out.u32(charter_version);
    out.string(charter.title);
    out.bytes(charter.nonce);
    out.u64(charter.members.size());
    for (const CharterMember& member : charter.members) {
        out.string(member.name);
        out.bytes(member.identity.bytes);
        out.bytes(member.sealing.bytes);
        out.u8(roles(member));
    }
    out.u32(charter.threshold);
    out.u64(charter.parameters.size());
    out.bytes(charter.parameters);
    write_names(out, charter.features);
    write_names(out, charter.classes);
    out.string(charter.extractor);
    out.string(charter.preprocessing);
    out.string(charter.recipe);
    write_names(out, charter.published_sums);
    out.u64(charter.smallest_rows);
    out.u32(charter.smallest_contributors);
    out.f64(charter.kappa);
    out.u32(charter.releases);
    out.u32(charter.release_level);
    return out.take();
}

Expected<Charter> charter_from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() > largest_charter_bytes) {
        return make_error(ErrorCode::bad_input, "a charter of {} bytes is too long: at most {}",
                          bytes.size(), largest_charter_bytes);
    }
    ByteReader in(bytes);
    Charter charter;
    read_header(in, charter_magic);
    charter.title = in.string(longest_name);
    read_bytes(in, charter.nonce);
    charter.members.resize(in.count(most_members, 69));
    for (CharterMember& member : charter.members) {
        member = read_member(in);
    }
    charter.threshold = in.u32();
    const std::uint64_t parameter_bytes = in.count(most_parameter_bytes, 1);
    const auto parameters = in.bytes(parameter_bytes);
    charter.parameters.assign(parameters.begin(), parameters.end());
    charter.features = read_names(in);
    charter.classes = read_names(in);
    charter.extractor = in.string(longest_text);
    charter.preprocessing = in.string(longest_text);
    charter.recipe = in.string(longest_text);
    charter.published_sums = read_names(in);
    charter.smallest_rows = in.u64();
    charter.smallest_contributors = in.u32();
    charter.kappa = in.f64();
    charter.releases = in.u32();
    charter.release_level = in.u32();
    if (auto done = in.finish("the charter"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (auto checked = check_charter(charter); !checked) {
        return tl::unexpected<ErrorInfo>(checked.error());
    }
    return charter;
}

std::vector<std::uint8_t> to_bytes(const SignedCharter& charter) {
    ByteWriter out;
    out.string(signed_magic);
    out.u32(charter_version);
    const auto text = to_bytes(charter.charter);
    out.u64(text.size());
    out.bytes(text);
    for (const auto& signature : charter.signatures) {
        out.u8(signature ? 1 : 0);
        if (signature) {
            out.bytes(*signature);
        }
    }
    return out.take();
}

Expected<SignedCharter> signed_charter_from_bytes(std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    read_header(in, signed_magic);
    const auto text = in.bytes(in.count(largest_charter_bytes, 1));
    if (!in.ok()) {
        return tl::unexpected<ErrorInfo>(in.finish("the signed charter").error());
    }
    auto charter = charter_from_bytes(text);
    if (!charter) {
        return tl::unexpected<ErrorInfo>(charter.error());
    }
    SignedCharter result(std::move(*charter));
    for (std::uint32_t member = 0; member < result.signatures.size() && in.ok(); ++member) {
        const std::uint8_t present = in.u8();
        if (present > 1) {
            in.fail("a signature is neither there nor missing");
        }
        Signature signature{};
        if (present == 1) {
            read_bytes(in, signature);
        }
        if (present == 1 && in.ok()) {
            if (auto added = result.add(member, signature); !added) {
                return tl::unexpected<ErrorInfo>(added.error());
            }
        }
    }
    if (auto done = in.finish("the signed charter"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

}  // namespace cipherfit
