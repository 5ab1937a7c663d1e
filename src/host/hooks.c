/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#define EACH_HOOK(server, hook, module)                                                  \
    for (unsigned i_ = 0; i_ < (server)->module_count; i_++)                             \
        for (struct module *module = (server)->modules[i_]; module && module->desc->hooks.hook; \
             module = NULL)

void hooks_request(struct run *run)
{
    EACH_HOOK(run->worker->server, on_request, module)
        module->desc->hooks.on_request(module, run);
}

unsigned hooks_branch(struct run *run)
{
    EACH_HOOK(run->worker->server, on_branch, module) {
        unsigned status = module->desc->hooks.on_branch(module, run);
        if (status)
            return status;
    }
    return 0;
}

unsigned hooks_reply(struct run *run)
{
    EACH_HOOK(run->worker->server, on_reply, module) {
        unsigned status = module->desc->hooks.on_reply(module, run);
        if (status)
            return status;
    }
    return 0;
}

unsigned hooks_forward(struct run *run)
{
    EACH_HOOK(run->worker->server, on_forward, module) {
        unsigned status = module->desc->hooks.on_forward(module, run);
        if (status)
            return status;
    }
    return 0;
}

void hooks_branch_end(struct branch *branch)
{
    EACH_HOOK(branch->request->worker->server, on_branch_end, module)
        module->desc->hooks.on_branch_end(module, branch);
}

void hooks_failure(struct run *run)
{
    EACH_HOOK(run->worker->server, on_failure, module)
        module->desc->hooks.on_failure(module, run);
}

void hooks_final(struct run *run, unsigned status, struct str reason, const struct sip_msg *response)
{
    EACH_HOOK(run->worker->server, on_final, module)
        module->desc->hooks.on_final(module, run, status, reason, response);
}

void hooks_dialog(struct worker *worker, struct dialog *dialog, enum dialog_moment moment)
{
    EACH_HOOK(worker->server, on_dialog, module)
        module->desc->hooks.on_dialog(module, worker, dialog, moment);
}

void hooks_tick(struct worker *worker, msec now)
{
    EACH_HOOK(worker->server, on_tick, module)
        module->desc->hooks.on_tick(module, worker, worker->index, worker->server->worker_count, now);
}
