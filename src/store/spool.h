/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A file of records that wait for a database: appended, read in order, and cut to nothing when all
 * are done. Each record has a number, which never comes again, and a checksum: a torn or spoilt one
 * loses only itself. The file is this machine's (byte order), of mode 0600, and of one process.
 *
 * What was appended survives the end of the process at once, and that of the machine from
 * spool_sync() on.
 */
#include <culvert/random.h>
#include <culvert/str.h>

enum {
    SPOOL_RECORD_MAX = 32 * 1024,
    SPOOL_WINDOW = 2 * SPOOL_RECORD_MAX,
};

struct spool_head {
    char magic[8];
    uint64_t key[2]; /* of the checksums; random, so that nobody writes records into records */
    uint64_t done;   /* this record, and all before it */
    uint64_t check;
};

struct spool {
    int fd;
    struct spool_head head;
    uint64_t bytes_max;
    uint64_t end;     /* of the file */
    uint64_t last;    /* number of the newest record */
    uint64_t next;    /* number of the next one: above all that were ever given, lost ones too */
    uint64_t waiting; /* records that are not done */
    uint64_t read_at; /* of the oldest record that is not done */
    uint64_t lost;    /* places where a record cannot be read; counted once */
    struct {
        uint64_t newest;
        unsigned count;
    } given; /* by the latest spool_read() */
    bool has_unsynced;
    char *window; /* SPOOL_WINDOW bytes, which the records of spool_read() borrow */
};

struct spool_record {
    uint64_t number;
    struct str payload;
};

/*
 * An empty path: a file without a name, which goes with the process. ERR_EXISTS: another process
 * has it. ERR_SYNTAX: it is no spool, and stays as it is. ERR_IO, logged.
 */
MUST_USE enum err spool_open(struct spool *spool, struct str path, uint64_t bytes_max,
                             struct random_source *random);
/* fd -1 is fine. */
void spool_close(struct spool *spool);
/* ERR_LIMIT: the record is too large, or the file full. ERR_IO: the disk; nothing is left of it. */
MUST_USE enum err spool_append(struct spool *spool, struct str payload);
/* The oldest records that are not done, until the next call; 0: there are none. */
unsigned spool_read(struct spool *spool, struct spool_record records[], unsigned most);
/* Up to this number all are done; when that is all there is, the file becomes short. */
void spool_note_done(struct spool *spool, uint64_t number);
bool spool_is_empty(const struct spool *spool);
void spool_sync(struct spool *spool);
