/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts of OpenSER ask about TLS; its certificates are in the settings tls_certificate… */
#include "../tls/facts.h"

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "tlsops",
    .summary = "Lets a script look at the TLS connection that a message came on.",
    .functions = tls_functions,
    .variables = tls_variables,
};
