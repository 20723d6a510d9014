/* SPDX-License-Identifier: MIT */
#include "transports/tls/guard.h"
#include "base/clock.h"
#include <string.h>

static uint64_t guard_mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n--)
        h = (h ^ *b++) * 0x100000001b3;
    return h;
}

uint64_t sp_guard_who(const char *address, const void *id, size_t id_len)
{
    const char *port = strrchr(address, ':');
    uint64_t h =
        guard_mix(0xcbf29ce484222325, address, port ? (size_t)(port - address) : strlen(address));
    h = guard_mix(guard_mix(h, "", 1), id, id_len);
    return h ? h : 1;
}

static struct sp_guard_slot *guard_set(const struct sp_guard *g, uint64_t who)
{
    return &g->slots[(who ^ who >> 32) % SP_GUARD_SETS * SP_GUARD_WAYS];
}

static struct sp_guard_slot *guard_find(const struct sp_guard *g, uint64_t who)
{
    struct sp_guard_slot *s = g->slots ? guard_set(g, who) : NULL;
    for (int i = 0; s && i < SP_GUARD_WAYS; i++)
        if (s[i].who == who)
            return &s[i];
    return NULL;
}

/* The free, or the longest silent, entry of the set. */
static struct sp_guard_slot *guard_take(struct sp_guard *g, uint64_t who)
{
    struct sp_guard_slot *s = guard_set(g, who), *oldest = s;
    for (int i = 1; i < SP_GUARD_WAYS; i++)
        if (s[i].last < oldest->last)
            oldest = &s[i];
    *oldest = (struct sp_guard_slot){.who = who};
    return oldest;
}

bool sp_guard_blocks(const struct sp_guard *g, uint64_t who, uint64_t now)
{
    const struct sp_guard_slot *s = guard_find(g, who);
    return s && now < s->until;
}

void sp_guard_failed(struct sp_guard *g, uint64_t who, uint64_t now, int free, int longest_ms)
{
    if (!free)
        return;
    if (!g->slots)
        g->slots = sp_calloc((size_t)SP_GUARD_SETS * SP_GUARD_WAYS, sizeof *g->slots);
    if (!g->slots)
        return;
    struct sp_guard_slot *s = guard_find(g, who);
    if (!s)
        s = guard_take(g, who);
    s->last = now;
    if (++s->n < (uint32_t)free)
        return;
    uint32_t doublings = s->n - (uint32_t)free;
    uint64_t ms = (uint64_t)SP_GUARD_FIRST_MS << (doublings < 16 ? doublings : 16);
    s->until = now + SP_MS * (ms < (uint64_t)longest_ms ? ms : (uint64_t)longest_ms);
}

void sp_guard_passed(struct sp_guard *g, uint64_t who)
{
    struct sp_guard_slot *s = guard_find(g, who);
    if (s)
        *s = (struct sp_guard_slot){0};
}

void sp_guard_fini(struct sp_guard *g)
{
    sp_free(g->slots);
    g->slots = NULL;
}
