/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate is it (RFC 5922 §7)? */
#include <openssl/x509v3.h>

#include <culvert/uri.h>

#include "net/tls.h"

static struct str text_of(const ASN1_STRING *string)
{
    return (struct str){ (const char *)ASN1_STRING_get0_data(string),
                         (size_t)ASN1_STRING_length(string) };
}

static struct str without_dot(struct str name)
{
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    return name;
}

/* In full: no wildcards, no subdomains (§7.2). */
static bool is_domain(struct str name, struct str domain)
{
    return name.len > 0 && str_ieq(without_dot(name), without_dot(domain));
}

/* "sip:example.com": of the scheme sip, and of nobody in the domain. */
static bool uri_names(struct str text, struct str domain)
{
    struct sip_uri uri;

    return !sip_uri_parse(text, &uri) && uri.scheme == URI_SIP && !uri.user.len &&
           is_domain(uri.host, domain);
}

static bool name_is(const GENERAL_NAME *name, struct str domain)
{
    if (name->type == GEN_DNS)
        return is_domain(text_of(name->d.dNSName), domain);
    return name->type == GEN_URI && uri_names(text_of(name->d.uniformResourceIdentifier), domain);
}

static bool common_name_is(const X509 *certificate, struct str domain)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    return at >= 0 &&
           is_domain(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))), domain);
}

/* The common name counts only where there are no alternative names at all (§7.1). */
bool tls_names_domain(X509 *certificate, struct str domain)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool is_named = false;

    if (!names)
        return common_name_is(certificate, domain);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_named; i++)
        is_named = name_is(sk_GENERAL_NAME_value(names, i), domain);
    GENERAL_NAMES_free(names);
    return is_named;
}

bool tls_names_addr(X509 *certificate, const struct addr *addr)
{
    return X509_check_ip(certificate, addr->ip, addr->family == ADDR_IPV6 ? 16 : 4, 0) == 1;
}
