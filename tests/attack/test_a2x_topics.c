/* SPDX-License-Identifier: MIT */
/* A26: subscriptions that another one asks for. A hundred thousand different ones are held, and no more memory than
 * NN_SUB_MAX_MEMORY; what comes meanwhile is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/field.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <stdio.h>

#define TOPICS 100000

/* Topic i; its bytes. */
static int topic(char text[64], int i)
{
    return snprintf(text, 64, "plant/%d/sensor/%08x/value", i % 97, (unsigned)i * 2654435761u);
}

static int subscribe(int s, int option, int i)
{
    char text[64];
    int n = topic(text, i);
    return nn_setsockopt(s, NN_SUB, option, text, (size_t)n);
}

/* Subscribes to as many as the socket takes. */
static int subscribe_all(struct rp_field *f)
{
    int n = 0;
    while (n < TOPICS && subscribe(f->victim, NN_SUB_SUBSCRIBE, n) == 0)
        if (++n % 20000 == 0)
            rp_assert_served(f, 100);
    return n;
}

static void A26_a_hundred_thousand_topics_are_held_in_little_memory(void **state)
{
    (void)state;
    struct rp_field f;
    rp_field_open(&f, NN_SUB, false);
    rp_watchdog(60);
    size_t before = rp_heap();
    assert_int_equal(subscribe_all(&f), TOPICS);
    assert_in_range(rp_heap(), before, before + (size_t)TOPICS * 160);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

static void A26_the_limit_holds_and_room_can_be_made(void **state)
{
    (void)state;
    struct rp_field f;
    int limit = 1 << 20, got = 0;
    size_t len = sizeof got;
    rp_field_open(&f, NN_SUB, false);
    rp_watchdog(60);
    rp_set(f.victim, NN_SUB, NN_SUB_MAX_MEMORY, limit);
    assert_int_equal(nn_getsockopt(f.victim, NN_SUB, NN_SUB_MAX_MEMORY, &got, &len), 0);
    assert_int_equal(got, limit);
    size_t before = rp_heap();
    int n = subscribe_all(&f);
    assert_int_equal(errno, ENOSPC);
    assert_in_range(n, 1000, TOPICS - 1);
    assert_in_range(rp_heap(), before, before + (size_t)limit * 2); /* with malloc's own share */
    assert_int_equal(subscribe(f.victim, NN_SUB_SUBSCRIBE, n), -1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(subscribe(f.victim, NN_SUB_UNSUBSCRIBE, i), 0);
    assert_int_equal(subscribe(f.victim, NN_SUB_SUBSCRIBE, n), 0);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A26_a_hundred_thousand_topics_are_held_in_little_memory),
        cmocka_unit_test(A26_the_limit_holds_and_room_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
