/* SPDX-License-Identifier: Apache-2.0 */
#include "store/outage.h"

#include <culvert/log.h>

#include "sys/loop.h"

void outage_init(struct outage *outage)
{
    *outage = (struct outage){ .up = 0 };
    lock_init(&outage->lock);
}

void outage_fini(struct outage *outage)
{
    lock_fini(&outage->lock);
}

bool outage_is_on(struct outage *outage)
{
    bool is_on;

    lock_take(&outage->lock);
    is_on = outage->is_away;
    lock_give(&outage->lock);
    return is_on;
}

bool outage_is_any_up(struct outage *outage)
{
    bool is_any_up;

    lock_take(&outage->lock);
    is_any_up = outage->up > 0;
    lock_give(&outage->lock);
    return is_any_up;
}

void outage_note_up(struct outage *outage, const struct connection *connection)
{
    char name[URL_NAME_MAX];
    bool was_away;
    msec since;

    lock_take(&outage->lock);
    outage->up++;
    was_away = outage->is_away;
    since = outage->since;
    outage->is_away = false;
    lock_give(&outage->lock);
    if (was_away)
        log_notice("store: %s is back after %llu s", url_name(&connection->database->url, name),
                   (unsigned long long)(clock_monotonic() - since + 500) / 1000);
}

void outage_note_lost(struct outage *outage)
{
    lock_take(&outage->lock);
    outage->up--;
    lock_give(&outage->lock);
}

static void say_away(const struct connection *connection)
{
    char name[URL_NAME_MAX];

    log_error(
        "store: %s cannot be used: %s. What needs it fails until it is back; culvert keeps "
        "trying. Is it running, and are host, port, user, password and database of the db_url "
        "right?",
        url_name(&connection->database->url, name), connection->fault);
}

static void say_too_few(const struct connection *connection, unsigned up)
{
    char name[URL_NAME_MAX];

    log_warning("store: %s gives no more than %u of %u connections: %s. Raise its limit, or lower "
                "database_connections",
                url_name(&connection->database->url, name), up,
                connection->database->limits.connections, connection->fault);
}

void outage_note_failure(struct outage *outage, const struct connection *connection)
{
    bool is_first_away, is_first_few;
    unsigned up;

    lock_take(&outage->lock);
    up = outage->up;
    is_first_away = !up && !outage->is_away;
    is_first_few = up && !outage->has_too_few;
    outage->has_too_few |= is_first_few;
    if (is_first_away) {
        outage->is_away = true;
        outage->since = clock_monotonic();
    }
    lock_give(&outage->lock);
    if (is_first_away)
        say_away(connection);
    if (is_first_few)
        say_too_few(connection, up);
}
