/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing: an id stands in the first free slot at or behind its home.
 * The table doubles before it is more than three quarters full, so a probe always meets a free slot
 * and ends. Deleting moves later ids back into the gap, so no tombstones gather.
 *
 * Only putting an id can fail; the map is then as it was before. */
#include "base/idmap.h"
#include <assert.h>
#include <errno.h>

#define IDMAP_CAP_MIN 16u
#define IDMAP_CAP_MAX (1u << 30)

struct sp_idmap_slot {
    void *value; /* the caller's */
    uint32_t id; /* 0: free */
};

/* Ids come in sequence or at random: the upper half of a product spreads both over the low bits. */
static uint32_t idmap_home(const struct sp_idmap *m, uint32_t id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (m->cap - 1);
}

/* The slot of id, or the free one where it would stand. There is a table. */
static uint32_t idmap_find(const struct sp_idmap *m, uint32_t id)
{
    uint32_t i = idmap_home(m, id);
    while (m->slots[i].id && m->slots[i].id != id)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static int idmap_grow(struct sp_idmap *m)
{
    struct sp_idmap wider = {.cap = m->cap ? m->cap * 2 : IDMAP_CAP_MIN, .n = m->n};
    if (m->cap < IDMAP_CAP_MAX)
        wider.slots = sp_calloc(wider.cap, sizeof *wider.slots);
    if (!wider.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < m->cap; i++)
        if (m->slots[i].id)
            wider.slots[idmap_find(&wider, m->slots[i].id)] = m->slots[i];
    sp_free(m->slots);
    *m = wider;
    return 0;
}

void sp_idmap_init(struct sp_idmap *m)
{
    *m = (struct sp_idmap){0};
}

void sp_idmap_fini(struct sp_idmap *m)
{
    sp_free(m->slots);
    sp_idmap_init(m);
}

int sp_idmap_put(struct sp_idmap *m, uint32_t id, void *value)
{
    assert(id && value);
    if (sp_idmap_get(m, id))
        return -EEXIST;
    if (m->n >= m->cap / 4 * 3) {
        int rc = idmap_grow(m);
        if (rc)
            return rc;
    }
    m->slots[idmap_find(m, id)] = (struct sp_idmap_slot){value, id};
    m->n++;
    return 0;
}

void *sp_idmap_get(const struct sp_idmap *m, uint32_t id)
{
    return m->n && id ? m->slots[idmap_find(m, id)].value : NULL;
}

/* Fills the gap with the first later id that may stand there (its home is not between the gap and
 * itself), which leaves a new gap, until a free slot ends the row. */
static void idmap_close_gap(struct sp_idmap *m, uint32_t gap)
{
    uint32_t mask = m->cap - 1;
    for (uint32_t i = (gap + 1) & mask; m->slots[i].id; i = (i + 1) & mask) {
        uint32_t from_home = (i - idmap_home(m, m->slots[i].id)) & mask;
        if (from_home >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct sp_idmap_slot){0};
}

void *sp_idmap_del(struct sp_idmap *m, uint32_t id)
{
    void *value = sp_idmap_get(m, id);
    if (value) {
        idmap_close_gap(m, idmap_find(m, id));
        m->n--;
    }
    return value;
}
