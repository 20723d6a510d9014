/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "core/stats.h"
#include <nanomsg/tls.h>

static uint64_t value(int id)
{
    bool known;
    uint64_t v = sp_sock_stat(sock, id, &known);
    assert_true(known);
    return v;
}

static void each_public_number_has_a_counter_of_its_own(void **state)
{
    (void)state;
    static const int ids[] = {
        NN_STAT_ESTABLISHED_CONNECTIONS, NN_STAT_ACCEPTED_CONNECTIONS, NN_STAT_DROPPED_CONNECTIONS,
        NN_STAT_BROKEN_CONNECTIONS, NN_STAT_CONNECT_ERRORS, NN_STAT_BIND_ERRORS, NN_STAT_ACCEPT_ERRORS,
        NN_STAT_INPROGRESS_CONNECTIONS, NN_STAT_CURRENT_EP_ERRORS, NN_STAT_MESSAGES_SENT, NN_STAT_MESSAGES_RECEIVED,
        NN_STAT_BYTES_SENT, NN_STAT_BYTES_RECEIVED, NN_STAT_MESSAGES_DROPPED_SEND, NN_STAT_MESSAGES_DROPPED_RECV,
        NN_STAT_HANDSHAKES, NN_STAT_REKEYS_SENT, NN_STAT_REKEYS_RECEIVED, NN_STAT_RECORDS_SENT,
        NN_STAT_RECORDS_RECEIVED,
    };
    uint64_t seen = 0;
    for (int i = 0; i < SP_STATS; i++)
        LOCKED(sock->stats[i] = (uint64_t)1 << i);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        uint64_t v = value(ids[i]);
        assert_true(v && !(v & (v - 1)) && !(seen & v));
        seen |= v;
    }
    for (int i = NN_STAT_PROTOCOL; i <= NN_STAT_TRUNCATED; i++)
        assert_true(value(i) == (uint64_t)1 << (SP_ST_REASON + 1 + i - NN_STAT_PROTOCOL));
    LOCKED(memset(sock->stats, 0, sizeof sock->stats));
}

static void an_unknown_number_is_told(void **state)
{
    (void)state;
    const int wrong[] = {-1, 0, 1, 99999, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bool known = true;
        (void)sp_sock_stat(sock, wrong[i], &known);
        assert_false(known);
    }
}

static void connections_and_their_best_priority_are_as_of_now(void **state)
{
    (void)state;
    assert_int_equal(value(NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(value(NN_STAT_CURRENT_SND_PRIORITY), 0);
    sock->snd_prio = 3;
    mem_open(false);
    assert_int_equal(value(NN_STAT_CURRENT_CONNECTIONS), 1);
    assert_int_equal(value(NN_STAT_CURRENT_SND_PRIORITY), 3);
    MEM_SET(in_end, 0);
    event(POLLIN);
    assert_int_equal(value(NN_STAT_CURRENT_CONNECTIONS), 0);
    assert_int_equal(value(NN_STAT_CURRENT_SND_PRIORITY), 0);
}

/* Of connections that live and of those that are gone. */
static void records_and_rekeys_are_summed(void **state)
{
    (void)state;
    mem_open(false);
    struct sp_peer *p = &conn->pipe.peer;
    atomic_store(&p->records_sent, 1);
    atomic_store(&p->records_received, 20);
    atomic_store(&p->rekeys_sent, 300);
    atomic_store(&p->rekeys_received, 4000);
    for (int gone = 0; gone < 2; gone++) {
        assert_int_equal(value(NN_STAT_RECORDS_SENT), 1);
        assert_int_equal(value(NN_STAT_RECORDS_RECEIVED), 20);
        assert_int_equal(value(NN_STAT_REKEYS_SENT), 300);
        assert_int_equal(value(NN_STAT_REKEYS_RECEIVED), 4000);
        if (gone)
            break;
        MEM_SET(in_end, 0);
        event(POLLIN);
    }
}

static void a_pipe_is_described(void **state)
{
    (void)state;
    struct nn_pipe_info v = {.size = sizeof v};
    mem_open(false);
    assert_int_equal(send_text("abc"), 0);
    feed_text("de");
    event(POLLIN);
    EXPECT("de");
    sp_sock_lock(sock);
    conn->pipe.peer.id = sp_memdup("sensor", 6);
    conn->pipe.peer.id_len = 6;
    conn->pipe.peer.tls_suite = 0x1301;
    conn->pipe.n_drops = 9;
    (void)sp_sock_unlock(sock);
    assert_int_equal(sp_sock_pipe_info(sock, &v, 1), 1);
    assert_int_equal(v.id, conn->pipe.id);
    assert_int_equal(v.endpoint, 1);
    assert_string_equal(v.address, "mem://peer");
    assert_int_equal(v.identity_len, 6);
    assert_memory_equal(v.identity, "sensor", 6);
    assert_int_equal(v.suite, 0x1301);
    assert_int_equal(v.messages_sent, 1);
    assert_int_equal(v.bytes_sent, 3);
    assert_int_equal(v.messages_received, 1);
    assert_int_equal(v.bytes_received, 2);
    assert_int_equal(v.drops, 9);
}

static void pipes_are_counted_without_an_array(void **state)
{
    (void)state;
    assert_int_equal(sp_sock_pipe_info(sock, NULL, 0), 0);
    mem_open(false);
    assert_int_equal(sp_sock_pipe_info(sock, NULL, 0), 1);
    assert_int_equal(sp_sock_pipe_info(sock, NULL, -1), -EINVAL);
}

/* Programs that know a shorter or a longer structure. */
static void entries_have_the_size_that_the_caller_says(void **state)
{
    (void)state;
    union {
        struct nn_pipe_info info;
        uint8_t bytes[sizeof(struct nn_pipe_info) + 64];
    } v;
    const size_t sizes[] = {16, sizeof v.info, sizeof v};
    mem_open(false);
    for (size_t i = 0; i < 3; i++) {
        memset(&v, 0xee, sizeof v);
        v.info.size = sizes[i];
        assert_int_equal(sp_sock_pipe_info(sock, &v.info, 1), 1);
        assert_int_equal(v.info.size, sizes[i]);
        assert_int_equal(v.info.id, conn->pipe.id);
        for (size_t k = sizes[i] < sizeof v.info ? sizes[i] : sizeof v.info; k < sizeof v; k++)
            assert_int_equal(v.bytes[k], 0xee);
    }
    const size_t wrong[] = {0, 8, 17, sizeof v.info + 1};
    for (size_t i = 0; i < 4; i++) {
        v.info.size = wrong[i];
        assert_int_equal(sp_sock_pipe_info(sock, &v.info, 1), -EINVAL);
    }
}

static void a_key_update_needs_a_pipe(void **state)
{
    (void)state;
    mem_rekeys = true;
    MEM_SET(want_clear, POLLOUT);
    mem_open(false);
    assert_int_equal(sp_sock_rekey(sock, conn->pipe.id ^ 1, 0), -ENOENT);
    assert_int_equal(sp_sock_rekey(sock, conn->pipe.id, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM_TEST(each_public_number_has_a_counter_of_its_own),
        MEM_TEST(an_unknown_number_is_told),
        MEM_TEST(connections_and_their_best_priority_are_as_of_now),
        MEM_TEST(records_and_rekeys_are_summed),
        MEM_TEST(a_pipe_is_described),
        MEM_TEST(pipes_are_counted_without_an_array),
        MEM_TEST(entries_have_the_size_that_the_caller_says),
        MEM_TEST(a_key_update_needs_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
