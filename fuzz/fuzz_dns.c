/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of the DNS: the first byte chooses what was asked for, always of host.test. */
#include "fuzz.h"

#include "net/dns.h"

static void check_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    must(length < size);
    for (size_t i = 0; i < length; i++)
        must(text[i] > ' ' && text[i] <= '~');
}

static void check_records(enum dns_kind kind, const struct dns_answer *answer)
{
    for (unsigned i = 0; i < answer->count; i++) {
        if (kind == DNS_SERVICE)
            check_text(answer->services[i].target, sizeof answer->services[i].target);
        else if (kind == DNS_POINTER)
            check_text(answer->pointers[i].replacement, sizeof answer->pointers[i].replacement);
        else
            must(answer->addrs[i].family == (kind == DNS_IPV4 ? ADDR_IPV4 : ADDR_IPV6));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct dns_answer answer;
    enum dns_kind kind;

    if (size == 0)
        return 0;
    kind = (enum dns_kind)(bytes[0] % DNS_KINDS);
    if (dns_read((struct str){ (const char *)bytes + 1, size - 1 }, kind, STR("host.test"),
                 bytes[0] & 0x80, &answer))
        return 0;
    must(answer.count <= DNS_RECORDS_MAX);
    check_records(kind, &answer);
    return 0;
}
