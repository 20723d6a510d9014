/* SPDX-License-Identifier: MIT */
/* The queue of inproc alone: bytes, counts, who is told, memory; and with a thread on each side. */
#include "base.h"
#include "transports/inproc/queue.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct sp_inq q;

static int q_open(void **state)
{
    (void)state;
    sp_inq_init(&q, 100);
    return 0;
}

static int q_close(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_inq_fini(&q);
    return 0;
}

static struct sp_msg borrowed(const void *p, size_t n)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.body = (uint8_t *)(uintptr_t)p;
    m.body_len = n;
    return m;
}

/* A message whose bytes all are `c`; with a chunk of its own, or borrowed from `from`. */
static struct sp_msg filled(int c, size_t n, uint8_t *from)
{
    struct sp_msg m = borrowed(from, n);
    if (!from) {
        m.chunk = sp_chunk_new(n);
        m.body = sp_chunk_data(m.chunk);
    }
    memset(m.body, c, n);
    return m;
}

static int put(const char *text)
{
    struct sp_msg m = borrowed(text, strlen(text));
    return sp_inq_put(&q, &m);
}

static void expect(const char *text)
{
    struct sp_msg m;
    bool tell;
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_int_equal(m.body_len, strlen(text));
    assert_memory_equal(m.body, text, m.body_len);
    sp_msg_drop(&m);
}

static void what_goes_in_comes_out_in_order(void **state)
{
    (void)state;
    char text[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            snprintf(text, sizeof text, "message %d", i);
            assert_true(put(text) >= 0);
        }
        for (int i = 0; i < 5000; i++) {
            snprintf(text, sizeof text, "message %d", i);
            expect(text);
        }
        assert_false(sp_inq_any(&q));
    }
}

static void the_receiver_is_told_once_for_each_time_it_found_nothing(void **state)
{
    (void)state;
    assert_int_equal(put("a"), 1); /* in the beginning it has looked, so to say */
    assert_int_equal(put("b"), 0);
    assert_true(sp_inq_any(&q));
    assert_int_equal(put("c"), 0);
    expect("a");
    expect("b");
    expect("c");
    assert_int_equal(put("d"), 0); /* it has not looked since */
    expect("d");
    assert_false(sp_inq_any(&q));
    assert_false(sp_inq_any(&q));
    assert_int_equal(put("e"), 1);
    assert_int_equal(put("f"), 0);
}

static void the_sender_is_told_when_there_is_room(void **state)
{
    (void)state;
    struct sp_msg m;
    bool tell;
    for (int i = 0; i < 10; i++) {
        assert_false(sp_inq_full(&q));
        assert_true(put("0123456789") >= 0);
    }
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_false(tell); /* it has not looked */
    assert_false(sp_inq_full(&q));
    assert_true(put("0123456789") >= 0);
    assert_true(sp_inq_full(&q));
    assert_true(put("0123456789") >= 0); /* taken nevertheless */
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_false(tell); /* still full */
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_true(tell);
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_false(tell); /* once */
}

static void the_sender_is_told_when_half_is_free(void **state)
{
    (void)state;
    struct sp_msg m;
    bool tell;
    for (int i = 0; i < 9; i++)
        assert_true(put("0123456789") >= 0);
    assert_false(sp_inq_full(&q));
    assert_true(sp_inq_crowded(&q));
    for (int i = 0; i < 5; i++) {
        assert_true(sp_inq_take(&q, &m, &tell));
        assert_int_equal(tell, i == 4); /* 40 bytes are left */
    }
    assert_false(sp_inq_crowded(&q));
}

static void one_message_of_any_size_fits_beside_one(void **state)
{
    (void)state;
    static uint8_t body[5000];
    struct sp_msg m = filled('a', sizeof body, body);
    assert_int_equal(sp_inq_put(&q, &m), 1);
    assert_false(sp_inq_full(&q));
    assert_int_equal(put("b"), 0);
    assert_true(sp_inq_full(&q));
}

static void a_loan_lasts_until_the_next_peek_or_take(void **state)
{
    (void)state;
    struct sp_msg m, n;
    bool tell;
    char text[1000];
    for (int i = 0; i < 40; i++) { /* over the ends of segments */
        memset(text, 'a' + i % 26, sizeof text - 1);
        text[sizeof text - 1] = 0;
        assert_true(put(text) >= 0);
        assert_true(put("next") >= 0);
        assert_true(sp_inq_peek(&q, &m));
        assert_true(sp_inq_peek(&q, &n));
        assert_ptr_equal(m.body, n.body);
        assert_true(sp_inq_take(&q, &m, &tell));
        assert_null(m.chunk);
        for (int k = 0; k < 20; k++)
            assert_true(put("more of them") >= 0);
        assert_memory_equal(m.body, text, sizeof text - 1);
        expect("next");
        for (int k = 0; k < 20; k++)
            expect("more of them");
    }
}

static void header_and_body_become_one(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 4000, 4096, 4097, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t hdr = 0; hdr <= SP_HDR_MAX; hdr = hdr ? hdr * 16 + 4 : 4) {
            uint8_t stack[SP_HDR_MAX];
            memset(stack, 'h', sizeof stack);
            struct sp_msg m = filled('b', sizes[i], NULL);
            bool tell;
            assert_int_equal(sp_msg_hdr_set(&m, stack, hdr), 0);
            assert_true(sp_inq_put(&q, &m) >= 0);
            assert_null(m.chunk);
            assert_int_equal(m.body_len * (m.chunk != NULL), 0);
            assert_true(sp_inq_take(&q, &m, &tell));
            assert_int_equal(m.body_len, hdr + sizes[i]);
            for (size_t k = 0; k < m.body_len; k++)
                assert_int_equal(m.body[k], k < hdr ? 'h' : 'b');
            sp_msg_drop(&m);
        }
    }
}

static void a_chunk_is_moved_when_it_is_worth_it(void **state)
{
    (void)state;
    struct sp_msg m = filled('c', 5000, NULL);
    struct sp_chunk *chunk = m.chunk;
    bool tell;
    assert_true(sp_inq_put(&q, &m) >= 0);
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_ptr_equal(m.chunk, chunk);
    assert_ptr_equal(m.body, sp_chunk_data(chunk));
    sp_msg_drop(&m);
    m = filled('c', 500, NULL);
    assert_true(sp_inq_put(&q, &m) >= 0);
    assert_null(m.chunk); /* copied, and dropped */
    assert_true(sp_inq_take(&q, &m, &tell));
    assert_null(m.chunk);
}

static void a_borrowed_body_is_copied(void **state)
{
    (void)state;
    static uint8_t body[50000];
    static const size_t sizes[] = {10, 4096, 4097, sizeof body};
    for (size_t i = 0; i < 4; i++) {
        struct sp_msg m = filled('x', sizes[i], body);
        bool tell;
        assert_true(sp_inq_put(&q, &m) >= 0);
        memset(body, 'y', sizes[i]);
        assert_true(sp_inq_take(&q, &m, &tell));
        assert_int_equal(m.body_len, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(m.body[k], 'x');
        sp_msg_drop(&m);
    }
}

/* ---- memory ---- */

static int allowed;

static bool refuse(void)
{
    return allowed-- <= 0;
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    static uint8_t body[20000];
    for (int kind = 0; kind < 6; kind++) {
        size_t n = kind % 3 == 0 ? 30 : kind % 3 == 1 ? 3000 : sizeof body;
        for (int i = 0; i < 20; i++) {
            struct sp_msg m = filled('z', n, kind < 3 ? body : NULL), same;
            if (kind == 5)
                assert_int_equal(sp_msg_hdr_set(&m, "head", 4), 0);
            same = m;
            int rc = -ENOMEM;
            for (int k = 0; rc == -ENOMEM; k++) {
                assert_true(k < 4);
                allowed = k;
                sp_alloc_hook = refuse;
                rc = sp_inq_put(&q, &m);
                sp_alloc_hook = NULL;
                if (rc == -ENOMEM)
                    assert_memory_equal(&m, &same, offsetof(struct sp_msg, hdr) + m.hdr_len);
            }
            assert_true(rc >= 0);
        }
        for (int i = 0; i < 20; i++) {
            struct sp_msg m;
            bool tell;
            assert_true(sp_inq_take(&q, &m, &tell));
            assert_int_equal(m.body_len, n + (kind == 5 ? 4 : 0));
            assert_int_equal(m.body[m.body_len - 1], 'z');
            sp_msg_drop(&m);
        }
    }
}

static int n_allocs;

static bool count(void)
{
    n_allocs++;
    return false;
}

static void small_messages_need_no_malloc(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        if (i == 500)
            sp_alloc_hook = count;
        assert_true(put("a message of some bytes, again and again") >= 0);
        expect("a message of some bytes, again and again");
        assert_false(sp_inq_any(&q));
    }
    assert_int_equal(n_allocs, 0);
}

static void what_is_held_is_known_and_freed(void **state)
{
    (void)state;
    struct sp_msg m = filled('l', 50000, NULL);
    assert_in_range(sp_inq_held(&q), 0, 0);
    assert_true(put("small") >= 0);
    assert_in_range(sp_inq_held(&q), 4000, 5000);
    assert_true(sp_inq_put(&q, &m) >= 0);
    assert_in_range(sp_inq_held(&q), 54000, 55000);
    expect("small");
    assert_in_range(sp_inq_held(&q), 54000, 55000);
} /* and LeakSanitizer sees that the end drops the rest */

static void the_number_of_empty_messages_is_limited(void **state)
{
    (void)state;
    int n = 0;
    for (; n < 2000000 && !sp_inq_full(&q); n++)
        assert_true(put("") >= 0);
    assert_int_equal(n, 1000000);
    expect("");
    assert_false(sp_inq_full(&q));
}

/* ---- two threads ---- */

#define MANY 200000

static atomic_bool room, news; /* what the other side was told */

static void *sender(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t body[64];
        memset(body, (int)(i & 0xff), sizeof body);
        struct sp_msg m = borrowed(body, i % sizeof body);
        int rc = sp_inq_put(&q, &m);
        assert_true(rc >= 0);
        if (rc)
            atomic_store(&news, true);
        while (sp_inq_full(&q))
            while (!atomic_exchange(&room, false))
                sched_yield();
    }
    return NULL;
}

/* Neither waits for ever: each looks again only after it was told. */
static void nobody_misses_what_it_is_told(void **state)
{
    (void)state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, sender, NULL), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        struct sp_msg m;
        bool tell;
        if (!sp_inq_any(&q)) {
            while (!atomic_exchange(&news, false))
                sched_yield();
            i--;
            continue;
        }
        assert_true(sp_inq_take(&q, &m, &tell));
        assert_int_equal(m.body_len, i % 64);
        for (size_t k = 0; k < m.body_len; k++)
            assert_int_equal(m.body[k], i & 0xff);
        if (tell)
            atomic_store(&room, true);
    }
    pthread_join(t, NULL);
    assert_false(sp_inq_any(&q));
}

#define ON_QUEUE(fn) cmocka_unit_test_setup_teardown(fn, q_open, q_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_QUEUE(what_goes_in_comes_out_in_order),
        ON_QUEUE(the_receiver_is_told_once_for_each_time_it_found_nothing),
        ON_QUEUE(the_sender_is_told_when_there_is_room),
        ON_QUEUE(the_sender_is_told_when_half_is_free),
        ON_QUEUE(one_message_of_any_size_fits_beside_one),
        ON_QUEUE(a_loan_lasts_until_the_next_peek_or_take),
        ON_QUEUE(header_and_body_become_one),
        ON_QUEUE(a_chunk_is_moved_when_it_is_worth_it),
        ON_QUEUE(a_borrowed_body_is_copied),
        ON_QUEUE(without_memory_nothing_changes),
        ON_QUEUE(small_messages_need_no_malloc),
        ON_QUEUE(what_is_held_is_known_and_freed),
        ON_QUEUE(the_number_of_empty_messages_is_limited),
        ON_QUEUE(nobody_misses_what_it_is_told),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
