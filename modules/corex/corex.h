/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/module.h>

/* What corex keeps with a request. */
struct corex_notes {
    uint64_t xflags;
    uint32_t iflags;
};

/* NULL: no memory. */
struct corex_notes *corex_notes(const struct call *call);

/* files.c */
enum verdict file_read(struct call *call);
enum verdict file_write(struct call *call);

/* send.c */
enum verdict send_data(struct call *call);
enum verdict sendx(struct call *call);
enum verdict set_source_address(struct call *call);
enum verdict set_recv_socket(struct call *call);
