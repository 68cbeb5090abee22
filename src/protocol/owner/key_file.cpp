#include "cipherfit/protocol/owner/key_file.h"

#include "cipherfit/io/bytes.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/content_io.h"
#include "protocol/loose_files.h"

#include <utility>

namespace cipherfit {

Expected<void> write_keys(ContentSink to, const SecretKey& key, const KeyRequest& request) {
    const auto& levels = request.levels();
    require(levels.size() <= most_keys_in_a_file, ErrorCode::invalid_argument,
            "{} keys are too many for a file: write at most {}", levels.size(),
            most_keys_in_a_file);
    const Parameters& parameters = key.parameters();
    return without_bytes(write_content(
        std::move(to), ContainerKind::keys, loose_identity(parameters, key.id()),
        [&](ContainerWriter& writer) {
            value_or_throw(writer.section(tag_parameters, 0, parameters.to_bytes()));
            ByteWriter list;
            list.u32(static_cast<std::uint32_t>(levels.size()));
            for (const auto& [id, level] : levels) {
                list.u32(id.code);
                list.u32(static_cast<std::uint32_t>(level));
            }
            value_or_throw(writer.section(tag_list, 0, list.take()));
            const KeyGenerator generator(key);
            std::uint32_t index = 0;
            for (const auto& [id, level] : levels) {
                write_key_section(writer, parameters, index++, generator.switching_key(id, level));
            }
        }));
}

}  // namespace cipherfit
