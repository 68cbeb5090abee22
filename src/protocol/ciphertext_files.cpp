#include "cipherfit/protocol/ciphertext_files.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/loose_files.h"

#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t largest_parameters = 4096;

Parameters read_parameters(ContainerReader& reader, const std::string& file, TestParameters tests) {
    const auto bytes = value_or_throw(reader.section(tag_parameters, 0, largest_parameters));
    Parameters parameters = value_or_throw(Parameters::from_bytes(bytes));
    refuse_test_parameters(parameters, tests, file);
    require(reader.identity() == loose_identity(parameters, reader.identity().key),
            ErrorCode::corrupt_data,
            "its header is not of such a file: parameters, flags, plan or job differ");
    return parameters;
}

std::size_t checked_count(std::uint32_t count, std::size_t most, const char* what) {
    require(count <= most, ErrorCode::corrupt_data, "announces {} {}, at most {} are read", count,
            what, most);
    return count;
}

}  // namespace

ContainerIdentity loose_identity(const Parameters& parameters, const Digest& key) {
    ContainerIdentity identity;
    identity.parameters = parameters.fingerprint();
    identity.key = key;
    identity.flags = parameters.insecure_for_tests_only() ? flag_insecure_parameters : 0;
    return identity;
}

Expected<void> write_ciphertexts(ContentSink to, const Parameters& parameters, const Digest& key,
                                 std::span<const Ciphertext* const> ciphertexts) {
    require(ciphertexts.size() <= most_ciphertexts_in_a_file, ErrorCode::invalid_argument,
            "{} ciphertexts are too many for a file: write at most {}", ciphertexts.size(),
            most_ciphertexts_in_a_file);
    for (const Ciphertext* ciphertext : ciphertexts) {
        require(ciphertext->size() == 2, ErrorCode::invalid_argument,
                "a ciphertext of {} parts cannot be written: relinearise it first",
                ciphertext->size());
    }
    return without_bytes(
        write_content(std::move(to), ContainerKind::ciphertexts, loose_identity(parameters, key),
                      [&](ContainerWriter& writer) {
                          value_or_throw(writer.section(tag_parameters, 0, parameters.to_bytes()));
                          ByteWriter list;
                          list.u32(static_cast<std::uint32_t>(ciphertexts.size()));
                          value_or_throw(writer.section(tag_list, 0, list.take()));
                          std::uint32_t index = 0;
                          for (const Ciphertext* ciphertext : ciphertexts) {
                              write_ciphertext_section(writer, parameters, index++, *ciphertext);
                          }
                      }));
}

Expected<CiphertextFile> read_ciphertexts(ContentSource from, TestParameters tests) {
    return read_content(std::move(from), ContainerKind::ciphertexts, [&](ContainerReader& reader) {
        CiphertextFile file{
            read_parameters(reader, "ciphertexts", tests), reader.identity().key, {}};
        ByteReader list(value_or_throw(reader.section(tag_list, 0, 4)));
        const std::uint32_t announced = list.u32();
        require(list.ok(), ErrorCode::corrupt_data, "its list is cut short");
        const std::size_t count =
            checked_count(announced, most_ciphertexts_in_a_file, "ciphertexts");
        for (std::uint32_t i = 0; i < count; ++i) {
            file.ciphertexts.push_back(read_ciphertext_section(reader, file.parameters, i));
        }
        return file;
    });
}

Expected<KeyFile> read_keys(ContentSource from, TestParameters tests) {
    return read_content(std::move(from), ContainerKind::keys, [&](ContainerReader& reader) {
        const Parameters parameters = read_parameters(reader, "keys", tests);
        ByteReader list(value_or_throw(reader.section(tag_list, 0, 4 + 8 * most_keys_in_a_file)));
        const std::uint32_t announced = list.u32();
        require(list.ok(), ErrorCode::corrupt_data, "its list is cut short");
        const std::size_t count = checked_count(announced, most_keys_in_a_file, "keys");
        KeyRequest request;
        for (std::size_t i = 0; i < count; ++i) {
            const KeyId id{list.u32()};
            const std::uint32_t level = list.u32();
            require(
                list.ok() && level <= parameters.max_level() &&
                    (!id.is_encapsulation() || level == 0) &&
                    (id.is_encapsulation() || id.is_conjugation() || id.code < parameters.slots()),
                ErrorCode::corrupt_data, "key {} of its list is none of these parameters", i + 1);
            request.add(id, level);
        }
        require(list.remaining() == 0 && request.levels().size() == count, ErrorCode::corrupt_data,
                "its list names a key twice, or goes on after the last");
        return KeyFile{reader.identity().key, read_key_sections(reader, parameters, request)};
    });
}

}  // namespace cipherfit
