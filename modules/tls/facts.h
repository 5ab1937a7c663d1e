/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What tls and tlsops share: $tls_… and is_peer_verified(). */
#include <culvert/module.h>

extern const struct mod_variable tls_variables[];
extern const struct mod_function tls_functions[];
