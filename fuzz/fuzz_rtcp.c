/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram at a media port. The first byte chooses the profile. Properties: what passes as RTCP
 * is a walk of whole blocks to the last byte; what is strict is not laxer than what is encrypted.
 */
#include <stdlib.h>

#include "media/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_compound(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t block = count < 4 ? 0 : 4 * ((size_t)(bytes[2] << 8 | bytes[3]) + 1);

        if (block < 8 || block > count || bytes[0] >> 6 != 2)
            abort();
        bytes += block;
        count -= block;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum rtp_profile profile;
    enum rtp_kind kind;
    uint8_t *copy;

    if (size == 0)
        return 0;
    profile = (enum rtp_profile)(data[0] % (RTP_OPAQUE + 1));
    copy = malloc(size - 1 ? size - 1 : 1); /* so that a read past the end is seen */
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    kind = rtp_classify(profile, copy, size - 1);
    if (profile == RTP_PLAIN && kind == RTP_CONTROL)
        check_compound(copy, size - 1);
    if (profile == RTP_PLAIN && kind == RTP_MEDIA &&
        rtp_classify(RTP_SECURE, copy, size - 1) != RTP_MEDIA)
        abort();
    if (profile == RTP_SECURE && kind != RTP_INVALID &&
        rtp_classify(RTP_DTLS, copy, size - 1) != kind)
        abort();
    free(copy);
    return 0;
}
