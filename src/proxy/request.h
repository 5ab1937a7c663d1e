/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The birth of a request; its life is in culvert/request.h. */
#include <culvert/request.h>

/*
 * A request that lives inside its own arena, which takes its blocks from `pool` up to `limit` bytes;
 * one reference is the caller's. The message is to be parsed into &request->arena, and then worker,
 * msg, source, received_at and target.uri to be filled. NULL: out of memory.
 */
struct request *request_create(struct arena_pool *pool, size_t limit);
