/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <culvert/log.h>

#include "base/hash.h"

enum {
    SPOOL_MOVE_MIN = 1024 * 1024,
    NUMBERS_LEFT_OUT = 1000000000, /* at each opening: more than a power cut can take along */
};

static const char head_magic[8] = "culvSPL1";
static const char record_magic[4] = { 'R', '\xc5', '\x1e', 'c' };

/* In front of each payload. */
struct frame {
    char magic[4];
    uint32_t length; /* of the payload */
    uint64_t number;
    uint64_t check;
};

/* --- checksums --- */

static uint64_t check_record(const struct spool *spool, const struct frame *frame,
                             const char *payload)
{
    const struct hash_key key = { { spool->head.key[0], spool->head.key[1] } };
    const uint64_t words[] = { frame->length, frame->number,
                               hash_bytes(&key, payload, frame->length) };

    return hash_bytes(&key, words, sizeof words);
}

static uint64_t check_head(const struct spool_head *head)
{
    static const struct hash_key key;

    return hash_bytes(&key, head, offsetof(struct spool_head, check));
}

/* --- the kernel's side --- */

static enum err write_at(const struct spool *spool, const void *bytes, size_t size, uint64_t at)
{
    const char *from = bytes;

    while (size) {
        ssize_t count = pwrite(spool->fd, from, size, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return ERR_IO;
        from += count;
        size -= (size_t)count;
        at += (uint64_t)count;
    }
    return ERR_NONE;
}

/* What there is, up to size. */
static size_t read_at(const struct spool *spool, void *bytes, size_t size, uint64_t at)
{
    size_t sum = 0;

    while (sum < size) {
        ssize_t count = pread(spool->fd, (char *)bytes + sum, size - sum, (off_t)(at + sum));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        sum += (size_t)count;
    }
    return sum;
}

static void cut_at(struct spool *spool, uint64_t end)
{
    if (ftruncate(spool->fd, (off_t)end))
        log_error("spool: cannot be made shorter: %s", strerror(errno));
    spool->end = end;
}

static enum err write_head(struct spool *spool)
{
    spool->head.check = check_head(&spool->head);
    spool->has_unsynced = true;
    return write_at(spool, &spool->head, sizeof spool->head, 0);
}

/* --- reading --- */

/* The frame that these bytes begin with; false: none, or a spoilt one. */
static bool parse_frame(const struct spool *spool, struct str bytes, struct frame *out)
{
    if (bytes.len < sizeof *out || memcmp(bytes.ptr, record_magic, sizeof record_magic) != 0)
        return false;
    memcpy(out, bytes.ptr, sizeof *out);
    return out->length <= SPOOL_RECORD_MAX && out->length <= bytes.len - sizeof *out &&
           check_record(spool, out, bytes.ptr + sizeof *out) == out->check;
}

/* Up to the next place where a record may begin. */
static size_t length_of_noise(struct str bytes)
{
    size_t skipped = 1;

    while (skipped < bytes.len && bytes.ptr[skipped] != record_magic[0])
        skipped++;
    return skipped;
}

struct reader {
    struct spool *spool;
    uint64_t at;
    bool is_in_noise;
    bool has_noise;
};

static struct str fill_window(struct reader *reader)
{
    struct spool *spool = reader->spool;

    return (struct str){ spool->window, read_at(spool, spool->window, SPOOL_WINDOW, reader->at) };
}

/* Could be the front of a record whose end lies outside of the window. */
static bool may_go_on(struct str bytes, bool is_whole_file)
{
    return !is_whole_file && bytes.len < sizeof(struct frame) + SPOOL_RECORD_MAX;
}

/* The records of one window; the reader moves behind them. */
static unsigned read_window(struct reader *reader, struct spool_record records[], unsigned most)
{
    struct str bytes = fill_window(reader);
    bool is_whole_file = bytes.len < SPOOL_WINDOW;
    unsigned count = 0;
    struct frame frame;
    size_t step;

    while (bytes.len && count < most) {
        bool is_good = parse_frame(reader->spool, bytes, &frame);

        if (!is_good && may_go_on(bytes, is_whole_file))
            break;
        reader->has_noise |= !is_good && !reader->is_in_noise;
        reader->spool->lost += !is_good && !reader->is_in_noise;
        reader->is_in_noise = !is_good;
        step = is_good ? sizeof frame + frame.length : length_of_noise(bytes);
        if (is_good)
            records[count++] =
                (struct spool_record){ frame.number, { bytes.ptr + sizeof frame, frame.length } };
        bytes = str_skip(bytes, step);
        reader->at += step;
    }
    return count;
}

static void note_record(struct spool *spool, uint64_t number)
{
    if (number <= spool->last)
        return;
    spool->last = number;
    spool->waiting++;
}

/* Where the last good record ends, and its number: what is behind it was torn. */
static void find_end(struct spool *spool)
{
    struct reader reader = { .spool = spool, .at = sizeof spool->head };
    struct spool_record record;
    uint64_t end = reader.at;

    spool->last = spool->head.done;
    while (reader.at < spool->end) {
        uint64_t before = reader.at;
        if (read_window(&reader, &record, 1)) {
            end = reader.at;
            note_record(spool, record.number);
        }
        if (reader.at == before)
            break;
    }
    spool->next = spool->last + NUMBERS_LEFT_OUT;
    if (spool->lost)
        log_warning("spool: %llu records are torn or spoilt: they are lost",
                    (unsigned long long)spool->lost);
    cut_at(spool, end);
}

/* Those that are not done. Numbers rise; after a broken move_down() some are there twice. */
static unsigned keep_new(struct spool_record records[], unsigned count, uint64_t newest)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        if (records[i].number <= newest)
            continue;
        newest = records[i].number;
        records[kept++] = records[i];
    }
    return kept;
}

unsigned spool_read(struct spool *spool, struct spool_record records[], unsigned most)
{
    struct reader reader = { .spool = spool, .at = spool->read_at };
    uint64_t lost = spool->lost; /* find_end() has counted them */
    unsigned count = 0, kept = 0;

    while (!kept && reader.at < spool->end) {
        uint64_t before = reader.at;
        count = read_window(&reader, records, most);
        kept = keep_new(records, count, spool->head.done);
        if (!kept)
            spool->read_at = reader.at;
        if (reader.at == before)
            break;
    }
    spool->lost = lost;
    spool->given.count = kept;
    spool->given.newest = kept ? records[kept - 1].number : 0;
    return kept;
}

/* --- opening --- */

static enum err make_head(struct spool *spool, struct random_source *random)
{
    memcpy(spool->head.magic, head_magic, sizeof head_magic);
    random->fill(random, spool->head.key, sizeof spool->head.key);
    spool->end = sizeof spool->head;
    spool->next = 1;
    return write_head(spool);
}

static bool is_head_good(const struct spool_head *head)
{
    return memcmp(head->magic, head_magic, sizeof head_magic) == 0 &&
           check_head(head) == head->check;
}

static enum err load(struct spool *spool, struct random_source *random)
{
    struct stat status;

    if (fstat(spool->fd, &status))
        return ERR_IO;
    spool->end = (uint64_t)status.st_size;
    if (spool->end == 0)
        return make_head(spool, random);
    if (read_at(spool, &spool->head, sizeof spool->head, 0) != sizeof spool->head ||
        !is_head_good(&spool->head))
        return ERR_SYNTAX;
    find_end(spool);
    return ERR_NONE;
}

static int open_nameless(void)
{
    FILE *file = tmpfile();
    int fd = file ? dup(fileno(file)) : -1;

    if (file)
        fclose(file);
    return fd;
}

static enum err open_file(struct spool *spool, struct str path)
{
    char name[PATH_MAX];

    if (path.len >= sizeof name)
        return ERR_LIMIT;
    snprintf(name, sizeof name, STR_FMT, STR_ARG(path));
    spool->fd =
        path.len ? open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : open_nameless();
    if (spool->fd < 0) {
        log_error("spool: cannot open \"%s\": %s", name, strerror(errno));
        return ERR_IO;
    }
    return flock(spool->fd, LOCK_EX | LOCK_NB) ? ERR_EXISTS : ERR_NONE;
}

enum err spool_open(struct spool *spool, struct str path, uint64_t bytes_max,
                    struct random_source *random)
{
    enum err err;

    *spool = (struct spool){ .fd = -1, .bytes_max = bytes_max, .window = malloc(SPOOL_WINDOW) };
    err = spool->window ? open_file(spool, path) : ERR_NOMEM;
    if (!err)
        err = load(spool, random);
    if (err) {
        spool_close(spool);
        return err;
    }
    spool->read_at = sizeof spool->head;
    return ERR_NONE;
}

void spool_close(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    free(spool->window);
    spool->fd = -1;
    spool->window = NULL;
}

/* --- writing --- */

enum err spool_append(struct spool *spool, struct str payload)
{
    char bytes[sizeof(struct frame) + SPOOL_RECORD_MAX];
    struct frame frame = { .length = (uint32_t)payload.len, .number = spool->next };
    size_t size = sizeof frame + payload.len;

    if (payload.len > SPOOL_RECORD_MAX || spool->end + size > spool->bytes_max)
        return ERR_LIMIT;
    memcpy(frame.magic, record_magic, sizeof record_magic);
    frame.check = check_record(spool, &frame, payload.ptr);
    memcpy(bytes, &frame, sizeof frame);
    memcpy(bytes + sizeof frame, payload.ptr, payload.len);
    if (write_at(spool, bytes, size, spool->end)) {
        cut_at(spool, spool->end);
        return ERR_IO;
    }
    spool->end += size;
    spool->last = frame.number;
    spool->next++;
    spool->waiting++;
    spool->has_unsynced = true;
    return ERR_NONE;
}

/* The rest moves over what is done; it stays where it was until all of it has got there. */
static void move_down(struct spool *spool)
{
    const uint64_t front = sizeof spool->head;
    uint64_t from = spool->read_at, to = front;
    size_t size;

    while ((size = read_at(spool, spool->window, SPOOL_WINDOW, from)) > 0) {
        if (write_at(spool, spool->window, size, to))
            return;
        from += size;
        to += size;
    }
    spool->read_at = front;
    cut_at(spool, to);
}

/* Worth the trouble, and the rest fits in front of itself. */
static bool may_move_down(const struct spool *spool)
{
    uint64_t room = spool->read_at - sizeof spool->head;

    return room >= SPOOL_MOVE_MIN && spool->end - spool->read_at <= room;
}

/* Those behind this number, by looking. */
static uint64_t count_behind(struct spool *spool, uint64_t number)
{
    struct reader reader = { .spool = spool, .at = spool->read_at };
    uint64_t lost = spool->lost, count = 0;
    struct spool_record record;

    while (reader.at < spool->end) {
        uint64_t before = reader.at;
        if (read_window(&reader, &record, 1) && record.number > number) {
            number = record.number;
            count++;
        }
        if (reader.at == before)
            break;
    }
    spool->lost = lost;
    return count;
}

void spool_note_done(struct spool *spool, uint64_t number)
{
    if (number <= spool->head.done)
        return;
    spool->head.done = number;
    spool->waiting = number == spool->given.newest ? spool->waiting - spool->given.count
                                                   : count_behind(spool, number);
    if (write_head(spool))
        log_error("spool: cannot write: %s", strerror(errno));
    if (spool_is_empty(spool)) {
        spool->read_at = sizeof spool->head;
        cut_at(spool, spool->read_at);
    } else if (may_move_down(spool)) {
        move_down(spool);
    }
}

bool spool_is_empty(const struct spool *spool)
{
    return spool->head.done >= spool->last;
}

void spool_sync(struct spool *spool)
{
    if (!spool->has_unsynced)
        return;
    spool->has_unsynced = false;
    if (fdatasync(spool->fd))
        log_error("spool: cannot be made safe: %s", strerror(errno));
}
