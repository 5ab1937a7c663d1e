/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/document.h"

int main(int argc, char **argv)
{
    struct options options;

    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return EXIT_FAILURE;
    default:
        break;
    }
    if (options.document)
        return document_write(options.document,
                              str_of(options.module_path ? options.module_path : ""))
                   ? EXIT_SUCCESS
                   : EXIT_FAILURE;
    return daemon_run(&options);
}
