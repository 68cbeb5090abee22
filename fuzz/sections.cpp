// The sections that hold ciphertexts and keys, in a container of any kind: the first says which
// reader takes them. What is accepted has every residue below its prime, and comes out unchanged
// when it is written again.
#include "container_digests.h"
#include "protocol/ciphertext_sections.h"
#include "protocol/section_tags.h"

#include <memory>
#include <utility>

namespace cipherfit {
namespace {

const Parameters& parameters() {
    static const Parameters made =
        Parameters::create(ParametersLiteral{.log_n = 9,
                                             .q_bits = {45, 40},
                                             .p_bits = {50},
                                             .digits = 2,
                                             .insecure_for_tests_only = true});
    return made;
}

const KeyRequest& request() {
    static const KeyRequest made = [] {
        KeyRequest keys;
        keys.relinearization(1);
        return keys;
    }();
    return made;
}

void claim_residues(const RnsPoly& poly, std::size_t limbs) {
    for (std::size_t i = 0; i < limbs; ++i) {
        for (std::size_t k = 0; k < poly.n(); ++k) {
            claim(poly.limb(i)[k] < parameters().q(i));
        }
    }
}

Expected<void> read(const Bytes& bytes, Bytes* written) {
    return expected([&] {
        auto reader = value_or_throw(ContainerReader::open(std::make_unique<MemorySource>(bytes)));
        auto writer = value_or_throw(ContainerWriter::create(std::make_unique<MemorySink>(*written),
                                                             reader.kind(), reader.identity()));
        const auto next = value_or_throw(reader.peek());
        const std::uint32_t tag = next ? next->tag : 0;
        if (tag == tag_seeded) {
            const Ciphertext made = read_seeded_section(reader, parameters(), 0, 1);
            claim_residues(made.part(0), 2);
            claim_residues(made.part(1), 2);
        } else if (tag == tag_key) {
            const EvaluationKeys keys = read_key_sections(reader, parameters(), request());
            claim(keys.size() == 1);
        } else {
            const Ciphertext made = read_ciphertext_section(reader, parameters(), 0, 1);
            claim(made.size() == 2 && made.level() == 1 && made.scale() > 0);
            claim_residues(made.part(0), 2);
            claim_residues(made.part(1), 2);
            write_ciphertext_section(writer, parameters(), 0, made);
        }
        value_or_throw(reader.verify_end());
        value_or_throw(writer.commit());
        claim(tag != tag_ciphertext || *written == bytes);
    });
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const Bytes bytes(data, data + size);
    for (const Bytes& input : {bytes, with_digests(bytes)}) {
        Bytes written;
        claim_clear_refusal(read(input, &written));
    }
    return 0;
}
