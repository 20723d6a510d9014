/* SPDX-License-Identifier: MIT */
/* Message memory, and the ways in which nn_send, nn_recv, nn_sendmsg and nn_recvmsg take and give
 * bodies. */
#include "lib.h"

static int setup(void **state)
{
    static struct lib_two two;
    two = lib_two(NN_PAIR, NN_PAIR);
    *state = &two;
    return 0;
}

static int teardown(void **state)
{
    lib_close(*(struct lib_two *)*state);
    return 0;
}

static struct lib_two *two_of(void **state)
{
    return *state;
}

static void *message(const char *text)
{
    void *m = nn_allocmsg(strlen(text), 0);
    assert_non_null(m);
    memcpy(m, text, strlen(text));
    return m;
}

/* ---- memory ---- */

static void alloc_gives_writable_memory(void **state)
{
    (void)state;
    unsigned char *m = nn_allocmsg(100000, 0);
    assert_non_null(m);
    memset(m, 0x5a, 100000);
    assert_int_equal(nn_freemsg(m), 0);
}

static void alloc_of_nothing_gives_a_pointer(void **state)
{
    (void)state;
    void *m = nn_allocmsg(0, 0);
    assert_non_null(m);
    assert_int_equal(nn_freemsg(m), 0);
}

static void alloc_of_everything_fails(void **state)
{
    (void)state;
    errno = 0;
    assert_null(nn_allocmsg((size_t)-1, 0));
    assert_int_equal(nn_errno(), ENOMEM);
    assert_null(nn_allocmsg((size_t)-1 - 40, 0));
}

static void alloc_of_an_unknown_type_fails(void **state)
{
    (void)state;
    errno = 0;
    assert_null(nn_allocmsg(8, 333));
    assert_int_equal(nn_errno(), EINVAL);
}

static void realloc_keeps_the_content(void **state)
{
    (void)state;
    char *m = message("content");
    m = nn_reallocmsg(m, 100000);
    assert_non_null(m);
    assert_memory_equal(m, "content", 7);
    m[99999] = 1;
    nn_freemsg(m);
}

static void realloc_to_less_keeps_the_pointer(void **state)
{
    (void)state;
    char *m = message("content");
    assert_ptr_equal(nn_reallocmsg(m, 3), m);
    assert_memory_equal(m, "con", 3);
    nn_freemsg(m);
}

static void realloc_sets_what_is_sent(void **state)
{
    (void)state;
    struct lib_two *t = two_of(state);
    char *m = message("content");
    m = nn_reallocmsg(m, 3);
    assert_int_equal(nn_send(t->c, &m, NN_MSG, 0), 3);
    lib_expect(t->s, "con");
}

static void realloc_to_everything_keeps_the_message(void **state)
{
    (void)state;
    char *m = message("content");
    assert_null(nn_reallocmsg(m, (size_t)-1 - 8));
    assert_int_equal(nn_errno(), ENOMEM);
    assert_memory_equal(m, "content", 7);
    nn_freemsg(m);
}

/* ---- nn_send and nn_recv ---- */

static void a_buffer_is_sent_and_received(void **state)
{
    struct lib_two *t = two_of(state);
    char buf[16] = "";
    assert_int_equal(nn_send(t->c, "hello", 5, 0), 5);
    assert_int_equal(nn_recv(t->s, buf, sizeof buf, 0), 5);
    assert_string_equal(buf, "hello");
}

static void an_empty_message_is_a_message(void **state)
{
    struct lib_two *t = two_of(state);
    char buf[4] = "abc";
    assert_int_equal(nn_send(t->c, "", 0, 0), 0);
    assert_int_equal(nn_recv(t->s, buf, sizeof buf, 0), 0);
    assert_string_equal(buf, "abc");
}

static void an_empty_message_needs_no_buffers(void **state)
{
    struct lib_two *t = two_of(state);
    assert_int_equal(nn_send(t->c, NULL, 0, 0), 0);
    assert_int_equal(nn_recv(t->s, NULL, 0, 0), 0);
}

static void a_short_buffer_gets_the_beginning(void **state)
{
    struct lib_two *t = two_of(state);
    char buf[16] = "-------";
    lib_send(t->c, "a long message");
    assert_int_equal(nn_recv(t->s, buf, 3, 0), 14);
    assert_memory_equal(buf, "a l----", 7);
    lib_send(t->c, "next");
    lib_expect(t->s, "next");
}

static void sizes_arrive_as_they_were_sent(void **state)
{
    struct lib_two *t = two_of(state);
    static const int sizes[] = {0,     1,     7,     8,     31,    4095,  4096,   4097,
                                16383, 16384, 16385, 65535, 65536, 65537, 200000, 1048576};
    unsigned char *out = malloc(1048576), *in = malloc(1048576);
    assert_true(out && in);
    for (int i = 0; i < 1048576; i++)
        out[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(nn_send(t->c, out, (size_t)sizes[i], 0), sizes[i]);
        memset(in, 0, 1048576);
        assert_int_equal(nn_recv(t->s, in, 1048576, 0), sizes[i]);
        assert_memory_equal(in, out, (size_t)sizes[i]);
    }
    free(out);
    free(in);
}

static void what_is_sent_may_be_changed_after(void **state)
{
    struct lib_two *t = two_of(state);
    char buf[16];
    for (int i = 0; i < 1000; i++) { /* in place, gathered, and between the two */
        snprintf(buf, sizeof buf, "m%d", i);
        lib_send(t->c, buf);
        memset(buf, 'X', sizeof buf);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(buf, sizeof buf, "m%d", i);
        lib_expect(t->s, buf);
    }
}

static void a_null_buffer_is_a_fault(void **state)
{
    struct lib_two *t = two_of(state);
    lib_fails(nn_send(t->c, NULL, 1, 0), EFAULT);
    lib_fails(nn_recv(t->s, NULL, 1, 0), EFAULT);
    lib_fails(nn_send(t->c, NULL, NN_MSG, 0), EFAULT);
    lib_fails(nn_recv(t->s, NULL, NN_MSG, 0), EFAULT);
    void *none = NULL;
    lib_fails(nn_send(t->c, &none, NN_MSG, 0), EFAULT);
}

static void a_length_beyond_int_is_refused(void **state)
{
    struct lib_two *t = two_of(state);
    assert_int_equal(nn_send(t->c, "x", (size_t)INT32_MAX + 1, 0), -1);
}

static void a_message_is_taken_by_a_send(void **state)
{
    struct lib_two *t = two_of(state);
    void *m = message("taken");
    assert_int_equal(nn_send(t->c, &m, NN_MSG, 0),
                     5); /* a leak checker sees whether it was taken */
    lib_expect(t->s, "taken");
}

static void a_failed_send_leaves_the_message(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR);
    void *m = message("mine");
    lib_fails(nn_send(s, &m, NN_MSG, NN_DONTWAIT), EAGAIN);
    assert_memory_equal(m, "mine", 4);
    lib_set(s, NN_SNDTIMEO, 10);
    lib_fails(nn_send(s, &m, NN_MSG, 0), ETIMEDOUT);
    nn_close(s);
    lib_fails(nn_send(s, &m, NN_MSG, 0), EBADF);
    assert_memory_equal(m, "mine", 4);
    assert_int_equal(nn_freemsg(m), 0);
}

static void a_message_is_given_by_a_receive(void **state)
{
    struct lib_two *t = two_of(state);
    char *m = NULL;
    lib_send(t->c, "given");
    assert_int_equal(nn_recv(t->s, &m, NN_MSG, 0), 5);
    assert_memory_equal(m, "given", 5);
    assert_int_equal((uintptr_t)m % 16, 0);
    assert_int_equal(nn_freemsg(m), 0);
}

static void a_received_message_can_be_sent_on(void **state)
{
    struct lib_two *t = two_of(state);
    void *m = NULL;
    lib_send(t->c, "there and back");
    assert_int_equal(nn_recv(t->s, &m, NN_MSG, 0), 14);
    assert_int_equal(nn_send(t->s, &m, NN_MSG, 0), 14);
    lib_expect(t->c, "there and back");
}

static void a_received_message_can_grow(void **state)
{
    struct lib_two *t = two_of(state);
    char *m = NULL;
    lib_send(t->c, "grow");
    assert_int_equal(nn_recv(t->s, &m, NN_MSG, 0), 4);
    m = nn_reallocmsg(m, 5000);
    assert_non_null(m);
    assert_memory_equal(m, "grow", 4);
    memset(m, 1, 5000);
    nn_freemsg(m);
}

static void received_messages_do_not_share_memory(void **state)
{
    struct lib_two *t = two_of(state);
    char *m[64];
    for (int i = 0; i < 64; i++)
        lib_send(t->c, "the same text in each of them");
    for (int i = 0; i < 64; i++) {
        assert_int_equal(nn_recv(t->s, &m[i], NN_MSG, 0), 29);
        assert_memory_equal(m[i], "the same text in each of them", 29);
        memset(m[i], i, 29);
    }
    for (int i = 0; i < 64; i++) {
        for (int k = 0; k < 29; k++)
            assert_int_equal(m[i][k], i);
        nn_freemsg(m[i]);
    }
}

/* ---- nn_sendmsg and nn_recvmsg ---- */

static void pieces_become_one_message(void **state)
{
    struct lib_two *t = two_of(state);
    struct nn_iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    struct nn_msghdr h = {.msg_iov = v, .msg_iovlen = 3};
    assert_int_equal(nn_sendmsg(t->c, &h, 0), 5);
    lib_expect(t->s, "abcde");
}

static void no_pieces_are_an_empty_message(void **state)
{
    struct lib_two *t = two_of(state);
    struct nn_msghdr h = {.msg_iovlen = 0};
    assert_int_equal(nn_sendmsg(t->c, &h, 0), 0);
    assert_int_equal(nn_recvmsg(t->s, &h, 0), 0);
}

static void a_message_fills_pieces(void **state)
{
    struct lib_two *t = two_of(state);
    char a[2], b[4] = "----";
    struct nn_iovec v[2] = {{a, 2}, {b, 4}};
    struct nn_msghdr h = {.msg_iov = v, .msg_iovlen = 2};
    lib_send(t->c, "abcde");
    assert_int_equal(nn_recvmsg(t->s, &h, 0), 5);
    assert_memory_equal(a, "ab", 2);
    assert_memory_equal(b, "cde-", 4);
}

static void pieces_that_are_too_short_get_the_beginning(void **state)
{
    struct lib_two *t = two_of(state);
    char a[2], b[1];
    struct nn_iovec v[2] = {{a, 2}, {b, 1}};
    struct nn_msghdr h = {.msg_iov = v, .msg_iovlen = 2};
    lib_send(t->c, "abcde");
    assert_int_equal(nn_recvmsg(t->s, &h, 0), 5);
    assert_memory_equal(a, "ab", 2);
    assert_int_equal(b[0], 'c');
}

static void sendmsg_takes_a_message(void **state)
{
    struct lib_two *t = two_of(state);
    void *m = message("whole");
    struct nn_iovec v = {&m, NN_MSG};
    struct nn_msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    assert_int_equal(nn_sendmsg(t->c, &h, 0), 5);
    lib_expect(t->s, "whole");
}

static void recvmsg_gives_a_message(void **state)
{
    struct lib_two *t = two_of(state);
    void *m = NULL;
    struct nn_iovec v = {&m, NN_MSG};
    struct nn_msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    lib_send(t->c, "whole");
    assert_int_equal(nn_recvmsg(t->s, &h, 0), 5);
    assert_memory_equal(m, "whole", 5);
    nn_freemsg(m);
}

static void bad_headers_are_refused(void **state)
{
    struct lib_two *t = two_of(state);
    struct nn_iovec v = {NULL, 3};
    struct nn_msghdr negative = {.msg_iov = &v, .msg_iovlen = -1}, null_iov = {.msg_iovlen = 1},
                     null_base = {.msg_iov = &v, .msg_iovlen = 1};
    lib_fails(nn_sendmsg(t->c, NULL, 0), EINVAL);
    lib_fails(nn_recvmsg(t->s, NULL, 0), EINVAL);
    lib_fails(nn_sendmsg(t->c, &negative, 0), EMSGSIZE);
    lib_fails(nn_recvmsg(t->s, &negative, 0), EMSGSIZE);
    lib_fails(nn_sendmsg(t->c, &null_iov, 0), EFAULT);
    lib_fails(nn_recvmsg(t->s, &null_iov, 0), EFAULT);
    lib_fails(nn_sendmsg(t->c, &null_base, 0), EFAULT);
    lib_send(t->c, "abc");
    lib_fails(nn_recvmsg(t->s, &null_base, 0), EFAULT);
    lib_expect(t->s, "abc"); /* a call that cannot succeed takes nothing */
}

static void nn_msg_among_pieces_is_refused(void **state)
{
    struct lib_two *t = two_of(state);
    void *m = message("abc");
    struct nn_iovec v[2] = {{"x", 1}, {&m, NN_MSG}};
    struct nn_msghdr h = {.msg_iov = v, .msg_iovlen = 2};
    lib_fails(nn_sendmsg(t->c, &h, 0), EINVAL);
    lib_fails(nn_recvmsg(t->s, &h, NN_DONTWAIT), EINVAL);
    nn_freemsg(m);
}

/* ---- what cannot be done ---- */

static void directions_that_do_not_exist(void **state)
{
    static const int senders[] = {NN_PUB, NN_PUSH}, receivers[] = {NN_SUB, NN_PULL};
    (void)state;
    char buf[4];
    for (int i = 0; i < 2; i++) {
        int out = lib_socket(senders[i]), in = lib_socket(receivers[i]);
        lib_fails(nn_recv(out, buf, sizeof buf, 0), ENOTSUP);
        lib_fails(nn_send(in, "x", 1, 0), ENOTSUP);
        lib_fails(nn_recv(out, buf, sizeof buf, NN_DONTWAIT), ENOTSUP);
        lib_fails(nn_send(in, "x", 1, NN_DONTWAIT), ENOTSUP);
        nn_close(out);
        nn_close(in);
    }
}

static void bad_sockets(void **state)
{
    static const int bad[] = {-1, 999, 65535, 65536, INT32_MAX, INT32_MIN};
    (void)state;
    char buf[4];
    struct nn_msghdr h = {.msg_iovlen = 0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lib_fails(nn_send(bad[i], "x", 1, 0), EBADF);
        lib_fails(nn_recv(bad[i], buf, sizeof buf, 0), EBADF);
        lib_fails(nn_sendmsg(bad[i], &h, 0), EBADF);
        lib_fails(nn_recvmsg(bad[i], &h, 0), EBADF);
        lib_fails(nn_close(bad[i]), EBADF);
    }
}

#define PAIRED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_gives_writable_memory),
        cmocka_unit_test(alloc_of_nothing_gives_a_pointer),
        cmocka_unit_test(alloc_of_everything_fails),
        cmocka_unit_test(alloc_of_an_unknown_type_fails),
        cmocka_unit_test(realloc_keeps_the_content),
        cmocka_unit_test(realloc_to_less_keeps_the_pointer),
        PAIRED(realloc_sets_what_is_sent),
        cmocka_unit_test(realloc_to_everything_keeps_the_message),
        PAIRED(a_buffer_is_sent_and_received),
        PAIRED(an_empty_message_is_a_message),
        PAIRED(an_empty_message_needs_no_buffers),
        PAIRED(a_short_buffer_gets_the_beginning),
        PAIRED(sizes_arrive_as_they_were_sent),
        PAIRED(what_is_sent_may_be_changed_after),
        PAIRED(a_null_buffer_is_a_fault),
        PAIRED(a_length_beyond_int_is_refused),
        PAIRED(a_message_is_taken_by_a_send),
        cmocka_unit_test(a_failed_send_leaves_the_message),
        PAIRED(a_message_is_given_by_a_receive),
        PAIRED(a_received_message_can_be_sent_on),
        PAIRED(a_received_message_can_grow),
        PAIRED(received_messages_do_not_share_memory),
        PAIRED(pieces_become_one_message),
        PAIRED(no_pieces_are_an_empty_message),
        PAIRED(a_message_fills_pieces),
        PAIRED(pieces_that_are_too_short_get_the_beginning),
        PAIRED(sendmsg_takes_a_message),
        PAIRED(recvmsg_gives_a_message),
        PAIRED(bad_headers_are_refused),
        PAIRED(nn_msg_among_pieces_is_refused),
        cmocka_unit_test(directions_that_do_not_exist),
        cmocka_unit_test(bad_sockets),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
