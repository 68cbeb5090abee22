#include "cipherfit/io/container.h"

#include "io/test_files.h"

#include <algorithm>
#include <cstring>

#include <rapidcheck.h>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t keys_tag = section_tag("KEYS");
constexpr std::uint32_t meta_tag = section_tag("META");
constexpr std::size_t header_bytes = 164;
constexpr std::size_t end_bytes = 56;
constexpr std::uint64_t any_length = ~std::uint64_t{0};

ContainerIdentity some_identity() {
    ContainerIdentity identity;
    identity.parameters.fill(1);
    identity.key.fill(2);
    identity.plan.fill(3);
    identity.nonce.fill(4);
    return identity;
}

struct Section {
    std::uint32_t tag;
    std::uint32_t index;
    Bytes payload;
    bool operator==(const Section&) const = default;
};

Bytes make_container(const std::vector<Section>& sections,
                     ContainerKind kind = ContainerKind::evaluation_keys,
                     const ContainerIdentity& identity = some_identity()) {
    Bytes bytes;
    auto writer = value_or_throw(
        ContainerWriter::create(std::make_unique<MemorySink>(bytes), kind, identity));
    for (const Section& section : sections) {
        testing::must(writer.section(section.tag, section.index, section.payload));
    }
    testing::must(writer.commit());
    return bytes;
}

Bytes small_container() {
    return make_container({{meta_tag, 0, {1, 2, 3}}, {keys_tag, 0, {}}, {keys_tag, 1, {9, 8, 7}}});
}

Expected<ContainerReader> open(const Bytes& bytes, std::optional<ContainerKind> kind = {}) {
    return ContainerReader::open(std::make_unique<MemorySource>(bytes, "x.cft"), kind);
}

// The reader looks at the bytes: they must outlive it.
Expected<ContainerReader> open(Bytes&& bytes, std::optional<ContainerKind> kind = {}) = delete;

// Reads whatever there is and verifies the end.
Expected<std::vector<Section>> read_all(const Bytes& bytes) {
    auto reader = open(bytes);
    if (!reader) {
        return tl::unexpected<ErrorInfo>(reader.error());
    }
    std::vector<Section> sections;
    for (;;) {
        auto next = reader->peek();
        if (!next) {
            return tl::unexpected<ErrorInfo>(next.error());
        }
        if (!*next) {
            break;
        }
        auto payload = reader->section((*next)->tag, (*next)->index, any_length);
        if (!payload) {
            return tl::unexpected<ErrorInfo>(payload.error());
        }
        sections.push_back({(*next)->tag, (*next)->index, {payload->begin(), payload->end()}});
    }
    if (auto done = reader->verify_end(); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return sections;
}

void put_u32(Bytes& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

// Makes the header's digest right again after a change, as a forger would.
void renew_header_digest(Bytes& bytes) {
    const Digest digest = sha256(std::span(bytes).first(132));
    std::ranges::copy(digest, bytes.begin() + 132);
}

class ContainerFileTest : public FileTest {};

TEST(ContainerTest, SectionsComeBackWhateverTheyHold) {
    rc::check([](const std::vector<std::tuple<std::uint32_t, Bytes>>& given) {
        std::vector<Section> sections;
        for (const auto& [index, payload] : given) {
            sections.push_back({keys_tag, index, payload});
        }
        RC_ASSERT(value_or_throw(read_all(make_container(sections))) == sections);
    });
}

TEST(ContainerTest, TheBytesAreThoseOfTheReference) {
    const Bytes bytes = make_container({{meta_tag, 5, {0xaa, 0xbb}}}, ContainerKind::plan);
    ASSERT_EQ(bytes.size(), header_bytes + 16 + 2 + 32 + end_bytes);
    const Bytes start{0xc1, 'C', 'F', 'T', '\r', '\n', 0x1a, '\n', 1, 0, 0, 0, 2, 0, 0, 0, 1};
    EXPECT_TRUE(std::equal(start.begin(), start.end(), bytes.begin()));
    EXPECT_EQ(bytes[48], 2);   // key
    EXPECT_EQ(bytes[80], 3);   // plan
    EXPECT_EQ(bytes[112], 4);  // nonce
    const auto at = [&](std::size_t first, std::size_t count) {
        return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(first),
                     bytes.begin() + static_cast<std::ptrdiff_t>(first + count));
    };
    const auto digest = [](const Bytes& data) {
        const Digest d = sha256(data);
        return Bytes(d.begin(), d.end());
    };
    EXPECT_EQ(at(132, 32), digest(at(0, 132)));
    EXPECT_EQ(at(164, 18),
              (Bytes{'M', 'E', 'T', 'A', 5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xbb}));
    EXPECT_EQ(at(182, 32), digest(at(164, 18)));
    EXPECT_EQ(at(214, 24), (Bytes{'E', 'N', 'D', ' ', 0, 0, 0, 0, 8, 0, 0, 0,
                                  0,   0,   0,   0,   1, 0, 0, 0, 0, 0, 0, 0}));
    Bytes chain = at(132, 32);
    for (const Bytes& part : {at(182, 32), at(214, 24)}) {
        chain.insert(chain.end(), part.begin(), part.end());
    }
    EXPECT_EQ(at(238, 32), digest(chain));
}

TEST(ContainerTest, EveryFlippedBitIsNoticed) {
    const Bytes good = small_container();
    ASSERT_TRUE(read_all(good));
    for (std::size_t i = 0; i < good.size() * 8; ++i) {
        Bytes bad = good;
        bad[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
        EXPECT_FALSE(read_all(bad)) << "bit " << i;
    }
}

TEST(ContainerTest, EveryTruncationIsNoticed) {
    const Bytes good = small_container();
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(read_all(Bytes(good.begin(), good.begin() + static_cast<long>(size)))) << size;
    }
}

TEST(ContainerTest, AppendedBytesAreNoticed) {
    for (const std::size_t extra : {1U, 16U, 56U, 1000U}) {
        Bytes bytes = small_container();
        bytes.resize(bytes.size() + extra);
        EXPECT_TRUE(fails_with(read_all(bytes), ErrorCode::corrupt_data, "x.cft")) << extra;
    }
    // A whole container behind another.
    Bytes twice = small_container();
    const Bytes again = small_container();
    twice.insert(twice.end(), again.begin(), again.end());
    EXPECT_TRUE(fails_with(read_all(twice), ErrorCode::corrupt_data, "more bytes follow"));
}

TEST(ContainerTest, MovedRemovedAndForeignSectionsAreNoticed) {
    // Two sections of 16 + 3 + 32 bytes.
    const Bytes good = make_container({{keys_tag, 0, {1, 2, 3}}, {keys_tag, 0, {4, 5, 6}}});
    const auto first = good.begin() + header_bytes;
    Bytes swapped = good;
    std::rotate(swapped.begin() + header_bytes, swapped.begin() + header_bytes + 51,
                swapped.begin() + header_bytes + 102);
    EXPECT_TRUE(fails_with(read_all(swapped), ErrorCode::corrupt_data, "digest at the end"));
    Bytes removed(good.begin(), first + 51);
    removed.insert(removed.end(), first + 102, good.end());
    EXPECT_TRUE(fails_with(read_all(removed), ErrorCode::corrupt_data,
                           "has 1 sections where its end announces 2"));
    // A section of another job's file in the place of this one's.
    ContainerIdentity other = some_identity();
    other.nonce.fill(5);
    Bytes mixed = make_container({{keys_tag, 0, {1, 2, 3}}, {keys_tag, 0, {4, 5, 7}}},
                                 ContainerKind::evaluation_keys, other);
    std::copy(first, first + 51, mixed.begin() + header_bytes);
    EXPECT_TRUE(read_all(mixed));  // the same section under both: no difference to be seen
    std::copy(first + 51, first + 102, mixed.begin() + header_bytes + 51);
    EXPECT_TRUE(fails_with(read_all(mixed), ErrorCode::corrupt_data, "digest at the end"));
}

TEST(ContainerTest, LengthsBeyondTheFileAreRefusedBeforeMemoryIsTaken) {
    for (const std::uint64_t length :
         {std::uint64_t{4}, std::uint64_t{1} << 40U, std::uint64_t{1} << 63U, any_length,
          any_length - 47, any_length - 103}) {
        Bytes bytes = make_container({{keys_tag, 0, {1, 2, 3}}});
        put_u32(bytes, header_bytes + 8, static_cast<std::uint32_t>(length));
        put_u32(bytes, header_bytes + 12, static_cast<std::uint32_t>(length >> 32U));
        auto reader = value_or_throw(open(bytes));
        EXPECT_TRUE(fails_with(reader.section(keys_tag, 0, any_length), ErrorCode::corrupt_data,
                               fmt::format("KEYS 0 announces {} bytes", length)));
    }
}

TEST(ContainerTest, LengthsBeyondTheCallersBoundAreRefused) {
    const Bytes bytes = make_container({{keys_tag, 0, Bytes(100)}});
    auto reader = value_or_throw(open(bytes));
    EXPECT_TRUE(fails_with(reader.section(keys_tag, 0, 99), ErrorCode::corrupt_data,
                           "has 100 bytes where at most 99"));
    // The failure stays.
    EXPECT_TRUE(
        fails_with(reader.section(keys_tag, 0, 100), ErrorCode::corrupt_data, "at most 99"));
    EXPECT_TRUE(fails_with(reader.verify_end(), ErrorCode::corrupt_data, "at most 99"));
    EXPECT_TRUE(value_or_throw(open(bytes)).section(keys_tag, 0, 100));
}

TEST(ContainerTest, AnotherSectionThanExpectedIsNamed) {
    const Bytes bytes = small_container();
    auto reader = value_or_throw(open(bytes));
    EXPECT_TRUE(fails_with(reader.section(keys_tag, 7, 99), ErrorCode::corrupt_data,
                           "section META 0 at byte 164 where KEYS 7 is expected"));
    auto early = value_or_throw(open(bytes));
    EXPECT_TRUE(fails_with(early.verify_end(), ErrorCode::corrupt_data, "where the end is"));
    const Bytes empty = make_container({});
    auto late = value_or_throw(open(empty));
    EXPECT_FALSE(value_or_throw(late.peek()));
    EXPECT_TRUE(fails_with(late.section(keys_tag, 0, 9), ErrorCode::corrupt_data,
                           "section END  0 at byte 164 where KEYS 0"));
}

TEST(ContainerTest, AnotherVersionIsToldApartFromDamage) {
    Bytes bytes = small_container();
    put_u32(bytes, 8, 2);
    EXPECT_TRUE(fails_with(open(bytes), ErrorCode::unsupported_version, "format version 2"));
    bytes[0] = 'x';
    const Bytes nothing;
    EXPECT_TRUE(fails_with(open(bytes), ErrorCode::corrupt_data, "not a cipherfit container"));
    EXPECT_TRUE(fails_with(open(nothing), ErrorCode::corrupt_data, "not a cipherfit container"));
}

TEST(ContainerTest, AnotherKindIsNamed) {
    const Bytes bytes = small_container();
    EXPECT_TRUE(fails_with(open(bytes, ContainerKind::model), ErrorCode::bad_input,
                           "holds evaluation_keys where model is expected"));
    EXPECT_EQ(value_or_throw(open(bytes)).kind(), ContainerKind::evaluation_keys);
    Bytes unknown = bytes;
    put_u32(unknown, 12, 999);
    EXPECT_TRUE(fails_with(open(unknown), ErrorCode::corrupt_data, "does not match its digest"));
    renew_header_digest(unknown);
    EXPECT_TRUE(fails_with(open(unknown), ErrorCode::corrupt_data, "unknown kind 999"));
}

TEST(ContainerTest, UnknownFlagsAreRefused) {
    Bytes bytes = small_container();
    put_u32(bytes, 128, 6);
    renew_header_digest(bytes);
    EXPECT_TRUE(fails_with(open(bytes), ErrorCode::unsupported_version, "flags 0x6"));
    ContainerIdentity identity;
    identity.flags = 2;
    EXPECT_THROW((void)make_container({}, ContainerKind::plan, identity), Error);
}

TEST(ContainerTest, EveryForeignFingerprintIsNamed) {
    const Bytes bytes = small_container();
    const auto opened = value_or_throw(open(bytes));
    const auto all = {IdentityPart::parameters, IdentityPart::key, IdentityPart::plan,
                      IdentityPart::job};
    EXPECT_EQ(opened.identity(), some_identity());
    EXPECT_TRUE(opened.expect(some_identity(), all));
    const auto expect = [&](auto change, const std::string& words) {
        ContainerIdentity other = some_identity();
        change(other);
        EXPECT_TRUE(fails_with(opened.expect(other, all), ErrorCode::fingerprint_mismatch, words));
    };
    expect([](auto& i) { i.parameters[31] ^= 1; }, "x.cft: made under other parameters (01010101");
    expect([](auto& i) { i.key[31] ^= 1; }, "x.cft: made with another key (02020202");
    expect([](auto& i) { i.plan[31] ^= 1; }, "x.cft: made for another plan (03030303");
    expect([](auto& i) { i.nonce[15] ^= 1; }, "x.cft: belongs to another job (04040404");
    expect([](auto& i) { i.flags = flag_insecure_parameters; }, "insecure test-only parameters");
    expect([](auto& i) { i.key = {}; }, "none expected");
    // The parameters come first, since they explain the rest; parts not asked for do not matter.
    expect([](auto& i) { i = {}; }, "other parameters");
    ContainerIdentity other = some_identity();
    other.plan = {};
    EXPECT_TRUE(opened.expect(other, {IdentityPart::parameters, IdentityPart::key}));
}

TEST(ContainerTest, StreamedSectionsEqualWholeOnes) {
    const Bytes payload(3000001, 7);
    Bytes streamed;
    auto writer = value_or_throw(ContainerWriter::create(
        std::make_unique<MemorySink>(streamed), ContainerKind::evaluation_keys, some_identity()));
    ASSERT_TRUE(writer.begin_section(keys_tag, 0, payload.size()));
    for (std::size_t at = 0; at < payload.size();) {
        const std::size_t count = std::min<std::size_t>(payload.size() - at, at / 2 + 1);
        ASSERT_TRUE(writer.append(std::span(payload).subspan(at, count)));
        at += count;
    }
    ASSERT_TRUE(writer.commit());
    EXPECT_EQ(streamed, make_container({{keys_tag, 0, payload}}));
    EXPECT_EQ(writer.bytes_written(), streamed.size());
    EXPECT_EQ(value_or_throw(read_all(streamed)).at(0).payload, payload);
}

TEST(ContainerTest, CallsOutOfOrderAreMisuse) {
    Bytes bytes;
    auto writer = value_or_throw(ContainerWriter::create(std::make_unique<MemorySink>(bytes),
                                                         ContainerKind::plan, some_identity()));
    const Bytes three(3);
    EXPECT_THROW((void)writer.append(three), Error);
    EXPECT_THROW((void)writer.section(section_tag("END "), 0, three), Error);
    ASSERT_TRUE(writer.begin_section(meta_tag, 0, 4));
    EXPECT_THROW((void)writer.commit(), Error);
    EXPECT_THROW((void)writer.section(meta_tag, 1, three), Error);
    ASSERT_TRUE(writer.append(three));
    EXPECT_THROW((void)writer.append(three), Error);
    ASSERT_TRUE(writer.append(std::span(three).first(1)));
    ASSERT_TRUE(writer.commit());
    EXPECT_THROW((void)writer.commit(), Error);
    EXPECT_THROW((void)writer.section(meta_tag, 1, three), Error);
    EXPECT_TRUE(read_all(bytes));
}

TEST_F(ContainerFileTest, RoundTripThroughAFileWithReusedBuffer) {
    const Bytes large(5000000, 3);
    const Bytes small{1, 2};
    auto writer = value_or_throw(ContainerWriter::create(
        path("k"), ContainerKind::secret_key, some_identity(), {.exclusive = true, .mode = 0600}));
    ASSERT_TRUE(writer.section(keys_tag, 0, large));
    ASSERT_TRUE(writer.section(keys_tag, 1, small));
    EXPECT_FALSE(std::filesystem::exists(path("k")));
    ASSERT_TRUE(writer.commit());
    auto reader = value_or_throw(ContainerReader::open(path("k"), ContainerKind::secret_key));
    EXPECT_EQ(reader.size(), std::filesystem::file_size(path("k")));
    EXPECT_TRUE(std::ranges::equal(*reader.section(keys_tag, 0, 5000000), large));
    EXPECT_TRUE(std::ranges::equal(*reader.section(keys_tag, 1, 5000000), small));
    EXPECT_TRUE(reader.verify_end());
    EXPECT_TRUE(reader.verify_end());
    EXPECT_EQ(reader.position(), reader.size());
    EXPECT_FALSE(reader.section(keys_tag, 2, 1));
}

TEST_F(ContainerFileTest, AnAbandonedContainerLeavesNothing) {
    {
        auto writer = value_or_throw(
            ContainerWriter::create(path("k"), ContainerKind::plan, some_identity()));
        ASSERT_TRUE(writer.section(keys_tag, 0, Bytes(100000)));
    }
    EXPECT_TRUE(names().empty());
    EXPECT_TRUE(fails_with(ContainerReader::open(path("k")), ErrorCode::io_failure,
                           path("k").string() + ": cannot open"));
}

}  // namespace
}  // namespace cipherfit
