/* SPDX-License-Identifier: MIT */

/* Feeds each file of a corpus folder to a fuzz target once: the main() where there is no libFuzzer.
 *
 * An unreadable folder, or an empty one, fails: a replay of nothing would always pass. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Returns 0, or -1 when the file can't be read. The input is a heap block of its exact size, so
 * that the address sanitizer sees a read past its end. */
static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -1;
    FILE *file = fopen(path, "rb");
    char *whole = malloc(REPLAY_INPUT_MAX);
    if (!file || !whole) {
        if (file)
            fclose(file);
        free(whole);
        return -1;
    }
    size_t len = fread(whole, 1, REPLAY_INPUT_MAX, file);
    fclose(file);
    uint8_t *exact = malloc(len ? len : 1);
    if (exact) {
        memcpy(exact, whole, len);
        LLVMFuzzerTestOneInput(exact, len);
    }
    free(whole);
    free(exact);
    return exact ? 0 : -1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    int n_files = 0, n_bad = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        n_files++;
        if (replay_file(argv[1], entry->d_name) != 0) {
            fprintf(stderr, "cannot read %s/%s\n", argv[1], entry->d_name);
            n_bad++;
        }
    }
    closedir(folder);
    printf("%d inputs replayed\n", n_files);
    return n_files > 0 && n_bad == 0 ? 0 : 1;
}
