/* SPDX-License-Identifier: Apache-2.0 */
/* A phone's speech: descriptions, and packets that carry the name of who spoke. */
#include <stdio.h>
#include <stdlib.h>

#include "support/phone_inside.h"

enum {
    RTP_HEADER = 12,
    PACKET_BYTES = RTP_HEADER + 160,
};

static void on_audio(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    struct phone_call *call = socket->owner;
    const char *name = bytes.ptr + RTP_HEADER;

    call->last_source = *from;
    if (bytes.len < PACKET_BYTES)
        return;
    for (size_t i = 0; i < sizeof call->packets / sizeof call->packets[0]; i++) {
        if (call->packets[i].count == 0)
            snprintf(call->packets[i].from, sizeof call->packets[i].from, "%s", name);
        if (strcmp(call->packets[i].from, name) == 0) {
            call->packets[i].count++;
            return;
        }
    }
}

static void on_control(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    (void)socket;
    (void)from;
    (void)bytes;
}

static void move_audio(struct phone_call *call)
{
    struct phone *phone = call->phone;

    if (call->has_audio) {
        sim_socket_close(&phone->world->net, &call->audio);
        sim_socket_close(&phone->world->net, &call->control);
    }
    call->has_audio = false;
    call->audio_moves++;
    call_open_audio(call);
}

static uint16_t free_port(const struct phone *phone)
{
    unsigned used = 0;

    for (const struct phone_call *call = phone->calls; call; call = call->next)
        used += call->has_audio;
    return (uint16_t)(4000 + 4 * used);
}

void call_open_audio(struct phone_call *call)
{
    struct phone *phone = call->phone;

    if (call->has_audio)
        return;
    call->audio = (struct sim_socket){
        .host = &phone->host, .local = phone->host.ip, .receive = on_audio, .owner = call
    };
    call->audio.local.port = (uint16_t)(free_port(phone) + 100 * call->audio_moves);
    call->control = call->audio;
    call->control.receive = on_control;
    call->control.local.port++;
    call->has_audio = true;
    sim_socket_open(&phone->world->net, &call->audio);
    sim_socket_open(&phone->world->net, &call->control);
}

static struct str ip_text(struct phone *phone)
{
    char text[ADDR_TEXT_MAX];
    struct writer w = writer_over(text, sizeof text);

    addr_write_ip(&w, &phone->host.ip, false);
    return phone_keep(phone, writer_text(&w));
}

struct str call_write_sdp(struct phone_call *call, enum speech wish)
{
    struct phone *phone = call->phone;
    struct str ip = ip_text(phone), nowhere = STR("0.0.0.0");
    int family = phone->host.ip.family == ADDR_IPV6 ? 6 : 4;
    struct str text;

    if (wish == SAY_BROKEN)
        return STR("v=0\r\nthis is no description\r\nm=audio\r\n");
    call_open_audio(call);
    if (wish == SAY_MOVED)
        move_audio(call);
    text = phone_print(phone,
                       "v=0\r\no=" STR_FMT " 1 %u IN IP%d " STR_FMT "\r\ns=-\r\nc=IN IP%d " STR_FMT
                       "\r\nt=0 0\r\nm=audio %u RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n%s",
                       STR_ARG(phone->user), ++call->sdp_version, family, STR_ARG(ip), family,
                       STR_ARG(wish == SAY_NULL ? nowhere : ip),
                       wish == SAY_REFUSED ? 0 : call->audio.local.port,
                       wish == SAY_HOLD       ? "a=sendonly\r\n"
                       : wish == SAY_INACTIVE ? "a=inactive\r\n"
                                              : "");
    if (wish == SAY_VIDEO)
        text = phone_print(phone, STR_FMT "m=video %u RTP/AVP 31\r\n", STR_ARG(text),
                           call->audio.local.port + 2000);
    return text;
}

struct addr sdp_find_audio(struct str body)
{
    struct addr addr = { .family = ADDR_NONE }, found;
    struct str line, word, rest;
    bool is_in_audio = false, is_before_media = true;
    uint64_t port = 0;

    while (siptext_line(&body, &line)) {
        if (str_starts(line, STR("m="))) {
            is_before_media = false;
            is_in_audio = str_starts(line, STR("m=audio ")) && port == 0;
            if (is_in_audio && str_split(str_skip(line, 8), ' ', &word, &rest) &&
                str_to_uint(word, 0, 65535, &port))
                port = 0;
        }
        if ((is_in_audio || is_before_media) && str_starts(line, STR("c=IN IP")) &&
            !addr_parse_ip(str_skip(line, 9), &found))
            addr = found;
    }
    addr.port = (uint16_t)port;
    if (port == 0)
        addr.family = ADDR_NONE;
    return addr;
}

bool phone_speak(struct phone *phone, struct phone_call *call, const struct phone_dialog *dialog)
{
    char packet[PACKET_BYTES] = { (char)0x80, 0 };
    unsigned number = ++call->packets_sent;

    if (dialog->media.family == ADDR_NONE || addr_is_unspecified(&dialog->media))
        return false;
    call_open_audio(call);
    packet[2] = (char)(number >> 8);
    packet[3] = (char)number;
    packet[6] = (char)(number * 160 >> 8);
    packet[7] = (char)(number * 160);
    packet[11] = (char)(call->audio.local.port ^ phone->name[0]);
    snprintf(packet + RTP_HEADER, sizeof packet - RTP_HEADER, "%s", phone->name);
    sim_send(&phone->world->net, &call->audio, &dialog->media,
             (struct str){ packet, sizeof packet });
    return true;
}

unsigned call_packets_from(const struct phone_call *call, const char *name)
{
    for (size_t i = 0; i < sizeof call->packets / sizeof call->packets[0]; i++)
        if (strcmp(call->packets[i].from, name) == 0)
            return call->packets[i].count;
    return 0;
}
