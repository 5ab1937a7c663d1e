/* SPDX-License-Identifier: Apache-2.0 */
/* "media alice <-> bob": both speak, and hear each other. */
#include <stdio.h>

#include "support/phone_inside.h"
#include "support/scene.h"

enum {
    PACKETS = 20,
    INTERVAL = 20,  /* ms */
    HEARD_MIN = 15, /* of those: what came before the other side was known may be lost */
};

struct speaker {
    struct phone *phone;
    struct phone_call *call;
    struct phone_dialog *dialog;
    unsigned before; /* packets heard from the other when it began */
};

static bool find_speaker(struct scene *scene, struct str name, const char *other,
                         struct speaker *out)
{
    out->phone = scene_find_phone(scene, name);
    if (!out->phone)
        return false;
    out->call = phone_find_dialog(out->phone, NULL, &out->dialog);
    if (!out->call || !out->dialog)
        return scene_fail(scene, "%s is in no call", out->phone->name);
    out->before = call_packets_from(out->call, other);
    return true;
}

static unsigned heard_by(const struct speaker *speaker, const struct speaker *other)
{
    return call_packets_from(speaker->call, other->phone->name) - speaker->before;
}

static bool judge(struct scene *scene, const struct speaker *hearer, const struct speaker *speaker,
                  bool shall_hear)
{
    unsigned heard = heard_by(hearer, speaker);

    if (shall_hear ? heard >= HEARD_MIN : heard == 0)
        return true;
    return scene_fail(scene, "%s heard %u of %u packets of %s", hearer->phone->name, heard, PACKETS,
                      speaker->phone->name);
}

/*
 * a <-> b: both speak and hear; a -> b: both speak, only b hears; a => b: only a speaks, b hears;
 * a =x b: only a speaks, b hears nothing.
 */
bool scene_media(struct scene *scene, struct str rest)
{
    struct str first = take_word(&rest), arrow = take_word(&rest), second = take_word(&rest);
    const char *first_name = scene_text(scene, first), *second_name = scene_text(scene, second);
    bool both_speak = arrow.len > 0 && arrow.ptr[0] != '=';
    struct speaker a, b;

    if (!find_speaker(scene, first, second_name, &a) ||
        !find_speaker(scene, second, first_name, &b))
        return false;
    for (unsigned i = 0; i < PACKETS; i++) {
        phone_speak(a.phone, a.call, a.dialog);
        if (both_speak)
            phone_speak(b.phone, b.call, b.dialog);
        world_run_for(scene->world, INTERVAL);
    }
    world_run_for(scene->world, 200);
    if (str_eq(arrow, STR("<->")))
        return judge(scene, &a, &b, true) && judge(scene, &b, &a, true);
    return judge(scene, &b, &a, !str_eq(arrow, STR("=x"))) &&
           (!both_speak || judge(scene, &a, &b, false));
}

/* "intrude eve alice bob": speaks to the ports that these two were told; nobody hears it. */
bool scene_intrude(struct scene *scene, struct str rest)
{
    struct phone *intruder = scene_find_phone(scene, take_word(&rest));
    uint64_t received = intruder ? intruder->host.received + intruder->host.refused : 0;
    struct str name;

    while (intruder && !str_is_empty(name = take_word(&rest))) {
        struct speaker victim;
        struct phone_call *call;

        if (!find_speaker(scene, name, intruder->name, &victim))
            return false;
        call = intruder->calls ? intruder->calls : phone_make_call(intruder, STR("no-call"));
        for (unsigned i = 0; i < PACKETS; i++) {
            phone_speak(intruder, call, victim.dialog);
            world_run_for(scene->world, INTERVAL);
        }
        if (call_packets_from(victim.call, intruder->name) != victim.before)
            return scene_fail(scene, "%s heard %s", victim.phone->name, intruder->name);
    }
    if (intruder && intruder->host.received + intruder->host.refused != received)
        return scene_fail(scene, "%s got packets", intruder->name);
    return intruder != NULL;
}
