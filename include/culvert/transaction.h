/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Transactions from outside of their own routes. Each has a name, the index of its worker and a
 * label; it can also be found by its Call-ID, whose hash decides which worker it lives on.
 */
#include <culvert/run.h>

/* The worker that owns all requests with this Call-ID. */
unsigned server_owner_of_call(const struct server *server, struct str call_id);
unsigned worker_index(const struct worker *worker);

/* ---- getting to a worker ---- */

typedef void worker_visit_fn(struct worker *worker, void *context);

/*
 * Runs `visit` on the thread of a worker and waits for it: for management commands, never for a
 * worker itself. ERR_TIMEOUT: it was too busy for seconds, and is not visited any more.
 */
MUST_USE enum err server_visit_worker(struct server *server, unsigned index, worker_visit_fn *visit,
                                      void *context);
/* The same without waiting, with a copy of the context. */
MUST_USE enum err server_send_worker(struct server *server, unsigned index, worker_visit_fn *visit,
                                     const void *context, size_t size);

/* ---- on its own worker ---- */

/* Every request under way there, until `visit` says false; only with that may it change anything.
 */
void worker_each_request(struct worker *worker,
                         bool (*visit)(void *context, struct request *request), void *context);
/* One that has a transaction without final response, by its Call-ID and CSeq; NULL: none. */
struct request *worker_find_request(struct worker *worker, struct str call_id, uint32_t cseq);
struct request *worker_find_label(struct worker *worker, uint32_t label);
/* As if the caller had sent a CANCEL. ERR_NOT_NOW: it is answered, or cancelled already. */
MUST_USE enum err worker_cancel(struct worker *worker, struct request *request);
/* Answers it through its transaction; a final answer ends its branches. `headers` are whole lines.
 */
MUST_USE enum err worker_reply(struct worker *worker, struct request *request, unsigned status,
                               struct str reason, struct str headers, struct str body);
/* CANCELs this branch alone, once it has answered at all; its other branches go on. */
void run_cancel_branch(struct run *run, struct branch *branch);

/* Ends the run's transaction without a final response; its branches are cancelled. */
void run_drop_transaction(struct run *run);

/* ---- waiting ---- */

/*
 * The run's request waits, once its route has ended, until worker_continue; no longer than an
 * INVITE may ring. Makes the transaction. ERR_NOT_NOW: it waits already, or is answered.
 */
MUST_USE enum err run_suspend(struct run *run);
/* Runs route[name] over a request that waits. ERR_NOT_FOUND: there is none of this label or name. */
MUST_USE enum err worker_continue(struct worker *worker, uint32_t label, struct str name);
