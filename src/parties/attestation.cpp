#include "cipherfit/parties/attestation.h"

#include "cipherfit/io/bytes.h"

#include <algorithm>
#include <set>
#include <utility>

namespace cipherfit {

std::vector<std::uint8_t> attestation_payload(const Digest& ciphertext) {
    return {ciphertext.begin(), ciphertext.end()};
}

Expected<Digest> authorize_release(const Charter& charter, const Digest& requested,
                                   const std::optional<Digest>& own,
                                   std::span<const MessageReceipt> attestations) {
    const auto hex = [](const Digest& digest) { return to_hex(std::span(digest).first(8)); };
    if (own) {
        if (*own != requested) {
            return make_error(ErrorCode::fingerprint_mismatch,
                              "a release of {} is asked for, and recomputing the training gave {}: "
                              "the server has trained something else",
                              hex(requested), hex(*own));
        }
        return requested;
    }
    const Digest charter_id = charter_digest(charter);
    const Digest payload = sha256(attestation_payload(requested));
    std::set<std::uint32_t> holders;
    for (const MessageReceipt& receipt : attestations) {
        const MessageHeader& header = receipt.header;
        if (header.charter == charter_id && header.slot.kind == PartyMessageKind::attestation &&
            header.payload == payload && charter.point_of(header.slot.sender) &&
            verify_signature(charter.members[header.slot.sender].identity, message_purpose,
                             to_bytes(header), receipt.signature)) {
            holders.insert(header.slot.sender);
        }
    }
    if (holders.size() < charter.threshold) {
        return make_error(
            ErrorCode::fingerprint_mismatch,
            "a release of {} is asked for, which this holder has not recomputed. Valid "
            "attestations came from {} holders, and {} are needed: run the verification",
            hex(requested), holders.size(), charter.threshold);
    }
    return requested;
}

std::vector<std::uint8_t> to_bytes(const AskedRelease& asked) {
    ByteWriter out;
    out.bytes(asked.ciphertext);
    out.u32(asked.holders.mask());
    return out.take();
}

Expected<AskedRelease> asked_release_from_bytes(std::span<const std::uint8_t> bytes,
                                                unsigned holders, unsigned threshold) {
    ByteReader in(bytes);
    Digest ciphertext{};
    const auto digest = in.bytes(ciphertext.size());
    const std::uint32_t mask = in.u32();
    if (auto done = in.finish("the release request"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    std::ranges::copy(digest, ciphertext.begin());
    std::vector<unsigned> points;
    for (unsigned bit = 0; bit < 32; ++bit) {
        if ((mask >> bit & 1U) != 0) {
            points.push_back(bit + 1);
        }
    }
    try {
        return AskedRelease{.ciphertext = ciphertext,
                            .holders = HolderSet::create(holders, threshold, std::move(points))};
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "the release request: {}", error.what());
    }
}

}  // namespace cipherfit
