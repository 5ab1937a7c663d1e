/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The stream functions of TLS. */
#include "net/inside.h"

typedef struct ssl_st SSL;

extern const struct transport_functions tls_functions;

/* For SSL_CTX_set_tlsext_servername_callback: takes the profile of the name asked for. */
int tls_on_server_name(SSL *ssl, int *alert, void *context);
