/* SPDX-License-Identifier: Apache-2.0 */
#include "support/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 64,
};

bool share_is_thorough(void)
{
    const char *extent = getenv("CULVERT_EXTENT");

    return extent && strcmp(extent, "all") == 0;
}

static unsigned count_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > PROCESSES_MAX ? PROCESSES_MAX : (unsigned)count;
}

/* cmocka aborts a part that fails, which would else go on with the tests that follow. */
static void run_part(int (*part)(unsigned number, unsigned of), unsigned number, unsigned of)
{
    int code;

    setenv("CMOCKA_TEST_ABORT", "1", 1);
    code = part(number, of);
    fflush(NULL);
    _exit(code);
}

bool share_out(int (*part)(unsigned number, unsigned of))
{
    unsigned count = count_processors(), failed = 0;
    pid_t children[PROCESSES_MAX];

    fflush(NULL);
    for (unsigned i = 0; i < count; i++)
        if ((children[i] = fork()) == 0)
            run_part(part, i, count);
    for (unsigned i = 0; i < count; i++) {
        int status = 0;

        waitpid(children[i], &status, 0);
        failed += !WIFEXITED(status) || WEXITSTATUS(status);
    }
    return failed == 0;
}
