/* SPDX-License-Identifier: MIT */
/* A40 to A44 and A46: a WebSocket peer sends what it must not. Each time it hears why by a Close
 * frame, its connection is closed, and the honest peer is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/wsfield.h"
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <string.h>
#include <unistd.h>

#define FIN    0x80
#define TEXT   1
#define BINARY 2
#define CLOSE  8
#define PING   9
#define PONG   10
#define PLAIN  0x100 /* without a mask */

#define REQUEST "\x80\0\0\1" /* the id in front of a request */

/* Ends with this code within 100 ms, counted, and the honest peer is served. */
static void punished(struct rp_field *f, int fd, int code, int stat)
{
    assert_int_equal(wf_close_code(fd, rp_time(1000)), code);
    assert_true(rp_closed(fd, rp_time(1000)));
    assert_true(rp_stat_reaches(f->victim, stat, 1, rp_time(1000)));
    rp_assert_served(f, 100);
    close(fd);
    rp_field_close(f);
}

static void bytes(const char *p, size_t n, int max, int code, int stat)
{
    struct rp_field f;
    wf_open(&f);
    if (max)
        rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, max);
    int fd = wf_attacker(&f);
    assert_true(rp_send(fd, p, n));
    punished(&f, fd, code, stat);
}
#define BYTES(text, max, code, stat) bytes(text, sizeof(text) - 1, max, code, stat)

static void A40_length_of_2_to_the_62(void **state)
{
    (void)state;
    BYTES("\x82\xff\x40\0\0\0\0\0\0\0mask", 0, 1009, NN_STAT_OVERSIZE);
}

static void A40_length_of_2_to_the_62_without_a_limit(void **state)
{
    (void)state;
    BYTES("\x82\xff\x40\0\0\0\0\0\0\0mask", -1, 1009, NN_STAT_OVERSIZE);
}

static void A40_length_of_2_to_the_63(void **state)
{
    (void)state;
    BYTES("\x82\xff\x80\0\0\0\0\0\0\0mask", 0, 1002, NN_STAT_PROTOCOL);
}

static void A40_length_of_2_to_the_63_without_a_limit(void **state)
{
    (void)state;
    BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", -1, 1002, NN_STAT_PROTOCOL);
}

static void A40_lengths_that_are_not_minimal(void **state)
{
    (void)state;
    BYTES("\x82\xfe\0\x05maskhello", 0, 1002, NN_STAT_PROTOCOL);
    BYTES("\x82\xff\0\0\0\0\0\0\0\x05maskhello", 0, 1002, NN_STAT_PROTOCOL);
}

/* What was promised costs nothing, also without a limit. */
static void A40_a_promise_of_a_terabyte(void **state)
{
    struct rp_field f;
    int fd[20];
    (void)state;
    wf_open(&f);
    rp_set(f.victim, NN_SOL_SOCKET, NN_RCVMAXSIZE, -1);
    for (int i = 0; i < 20; i++)
        fd[i] = wf_attacker(&f);
    size_t heap = rp_heap();
    for (int i = 0; i < 20; i++)
        assert_true(rp_send(fd[i], "\x82\xff\0\0\1\0\0\0\0\0mask\x80", 15));
    rp_assert_served(&f, 100);
    assert_in_range(rp_heap(), 0, heap + 20 * 65536);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_TRUNCATED), 20);
    rp_field_close(&f);
}

static void one_frame(int first, const char *p, size_t n, int code)
{
    struct rp_field f;
    wf_open(&f);
    int fd = wf_attacker(&f);
    wf_frame(fd, first, p, n);
    punished(&f, fd, code, NN_STAT_PROTOCOL);
}

static void A41_no_mask(void **state)
{
    (void)state;
    one_frame(PLAIN | FIN | BINARY, REQUEST "x", 5, 1002);
}

static void A41_reserved_bits(void **state)
{
    (void)state;
    for (int bit = 0x10; bit <= 0x40; bit *= 2)
        one_frame(FIN | bit | BINARY, REQUEST "x", 5, 1002);
}

static void A41_reserved_opcodes(void **state)
{
    (void)state;
    for (int op = 3; op < 16; op++)
        if (op < CLOSE || op > PONG)
            one_frame(FIN | op, REQUEST "x", 5, 1002);
}

/* A text is what it says, or the connection ends; nothing of it is delivered. */
static void A42_text_that_is_none(void **state)
{
    (void)state;
    one_frame(FIN | TEXT, "\xff", 1, 1007);
    one_frame(FIN | TEXT, REQUEST "\xc3", 5, 1007);
    one_frame(FIN | TEXT, "\xed\xa0\x80", 3, 1007);
}

/* What follows a Close frame is not looked at. */
static void A42_frames_after_close(void **state)
{
    struct rp_field f;
    (void)state;
    wf_open(&f);
    uint64_t got = nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED);
    int fd = wf_attacker(&f);
    const uint8_t both[] = {0x88, 0x82, 0, 0, 0,    0, 0x03, 0xe8, 0x82, 0x85,
                            0,    0,    0, 0, 0x80, 0, 0,    1,    'x'};
    assert_true(rp_send(fd, both, sizeof both));
    assert_int_equal(wf_close_code(fd, rp_time(1000)), 1000);
    assert_true(rp_closed(fd, rp_time(1000)));
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_MESSAGES_RECEIVED), got);
    assert_int_equal(nn_get_statistic(f.victim, NN_STAT_PROTOCOL), 0);
    rp_assert_served(&f, 100);
    close(fd);
    rp_field_close(&f);
}

static void A42_codes_of_close(void **state)
{
    (void)state;
    one_frame(FIN | CLOSE, "\x03", 1, 1002);
    one_frame(FIN | CLOSE, "\x03\xed", 2, 1002); /* 1005 */
    one_frame(FIN | CLOSE, "\0\0", 2, 1002);
    one_frame(FIN | CLOSE, "\x03\xe8\xff", 3, 1007);
}

static void A43_long_control_frames(void **state)
{
    static char p[200];
    (void)state;
    one_frame(FIN | PING, p, 126, 1002);
    one_frame(FIN | PONG, p, 200, 1002);
    one_frame(FIN | CLOSE, p, 126, 1002);
}

static void A43_fragmented_control_frames(void **state)
{
    (void)state;
    one_frame(PING, "p", 1, 1002);
    one_frame(CLOSE, "\x03\xe8", 2, 1002);
}

static void A44_a_continuation_of_nothing(void **state)
{
    (void)state;
    one_frame(FIN, "x", 1, 1002);
    one_frame(0, "x", 1, 1002);
}

static void A44_a_message_inside_another(void **state)
{
    struct rp_field f;
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    wf_frame(fd, BINARY, "x", 1);
    wf_frame(fd, FIN | BINARY, "y", 1);
    punished(&f, fd, 1002, NN_STAT_PROTOCOL);
}

/* Fragments without end hold at most NN_RCVMAXSIZE, and what memory needs to grow. */
static void A44_endless_fragments(void **state)
{
    static char p[4096];
    struct rp_field f;
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    size_t heap = rp_heap(), most = heap;
    wf_frame(fd, BINARY, p, sizeof p);
    for (int i = 1; i < 255; i++)
        wf_frame(fd, 0, p, sizeof p);
    rp_assert_served(&f, 100);
    most = rp_heap();
    assert_in_range(most, 0, heap + 2 * 1048576 + 65536);
    for (int i = 0; i < 3; i++)
        wf_frame(fd, 0, p, sizeof p);
    punished(&f, fd, 1009, NN_STAT_OVERSIZE);
}

static void A44_endless_empty_fragments(void **state)
{
    struct rp_field f;
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    wf_frame(fd, BINARY, "x", 1);
    for (int i = 0; i < 33; i++)
        wf_frame(fd, 0, NULL, 0);
    punished(&f, fd, 1002, NN_STAT_PROTOCOL);
}

/* One byte a fragment is slow, and right. */
static void A44_a_message_of_many_fragments(void **state)
{
    struct rp_field f;
    uint8_t got[6] = {0};
    char c;
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    wf_frame(fd, BINARY, REQUEST, 4);
    for (int i = 0; i < 20000; i++) {
        c = (char)i;
        wf_frame(fd, 0, &c, 1);
    }
    wf_frame(fd, FIN, NULL, 0);
    assert_int_equal(rp_recv(fd, got, 4, rp_time(10000)), 4);
    assert_memory_equal(got, "\x82\x7e\x4e\x24", 4); /* 20004 bytes */
    close(fd);
    rp_assert_served(&f, 100);
    rp_field_close(&f);
}

/* 200000 pings to one that reads no answer: one is kept. */
static void A46_pings_without_end(void **state)
{
    static uint8_t many[4096 / 8 * 8 + 64];
    struct rp_field f;
    size_t n = 0;
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    while (n + 131 < sizeof many) { /* full pings, mask 0 */
        memcpy(many + n, "\x89\xfd\0\0\0\0", 6);
        n += 131;
    }
    size_t heap = rp_heap();
    for (int i = 0; i < 1000; i++)
        if (!rp_send_within(fd, many, n, rp_time(200)))
            break; /* it reads no more: also right */
    rp_assert_served(&f, 200);
    assert_in_range(rp_heap(), 0, heap + 262144);
    close(fd);
    assert_true(rp_stat_becomes(f.victim, NN_STAT_CURRENT_CONNECTIONS, 1, rp_time(5000)));
    rp_field_close(&f);
}

static void A46_a_ping_is_answered(void **state)
{
    struct rp_field f;
    char got[8] = "";
    (void)state;
    wf_open(&f);
    int fd = wf_attacker(&f);
    wf_frame(fd, FIN | PING, "here", 4);
    assert_int_equal(rp_recv(fd, got, 6, rp_time(5000)), 6);
    assert_memory_equal(got, "\x8a\4here", 6);
    wf_frame(fd, FIN | PONG, "unasked", 7);
    assert_true(rp_silent(fd, 50));
    close(fd);
    rp_field_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A40_length_of_2_to_the_62),
        cmocka_unit_test(A40_length_of_2_to_the_62_without_a_limit),
        cmocka_unit_test(A40_length_of_2_to_the_63),
        cmocka_unit_test(A40_length_of_2_to_the_63_without_a_limit),
        cmocka_unit_test(A40_lengths_that_are_not_minimal),
        cmocka_unit_test(A40_a_promise_of_a_terabyte),
        cmocka_unit_test(A41_no_mask),
        cmocka_unit_test(A41_reserved_bits),
        cmocka_unit_test(A41_reserved_opcodes),
        cmocka_unit_test(A42_text_that_is_none),
        cmocka_unit_test(A42_frames_after_close),
        cmocka_unit_test(A42_codes_of_close),
        cmocka_unit_test(A43_long_control_frames),
        cmocka_unit_test(A43_fragmented_control_frames),
        cmocka_unit_test(A44_a_continuation_of_nothing),
        cmocka_unit_test(A44_a_message_inside_another),
        cmocka_unit_test(A44_endless_fragments),
        cmocka_unit_test(A44_endless_empty_fragments),
        cmocka_unit_test(A44_a_message_of_many_fragments),
        cmocka_unit_test(A46_pings_without_end),
        cmocka_unit_test(A46_a_ping_is_answered),
    };
    return cmocka_run_group_tests_name("a4x_ws", tests, NULL, NULL);
}
