/* SPDX-License-Identifier: Apache-2.0 */
/* perform [-v] FILE…: plays scenarios; -v shows every message and the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scene.h"

int main(int count, char **words)
{
    bool is_verbose = count > 1 && strcmp(words[1], "-v") == 0;
    int failed = 0;

    for (int i = is_verbose ? 2 : 1; i < count; i++)
        failed += !scene_perform_file(words[i], is_verbose);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
