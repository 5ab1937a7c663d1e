/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files named, and over those in the directories named, without
 * libFuzzer: each is read into a block of exactly its size.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *bytes;
    size_t size;

    if (!file || fstat(fileno(file), &about)) {
        perror(path);
        return 1;
    }
    size = (size_t)about.st_size;
    bytes = malloc(size ? size : 1);
    must(bytes && fread(bytes, 1, size, file) == size);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

static int replay_directory(const char *path, DIR *directory)
{
    const struct dirent *entry;
    char file[4096];
    int failures = 0;

    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        failures += replay_file(file);
    }
    closedir(directory);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;

    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);

        failures += directory ? replay_directory(argv[i], directory) : replay_file(argv[i]);
    }
    return failures > 0;
}
