/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "api/cmsg.h"
#include "core/pipe.h"
#include <errno.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/tls.h>
#include <string.h>

static _Alignas(16) uint8_t buf[4096];
static struct sp_pipe a_pipe;

static struct nn_msghdr control(size_t n) { return (struct nn_msghdr){.msg_control = buf, .msg_controllen = n}; }

/* A message from a_pipe with this header. */
static struct sp_msg message(const void *hdr, size_t n)
{
    struct sp_msg m;
    sp_msg_init(&m);
    m.pipe = &a_pipe;
    assert_int_equal(sp_msg_hdr_set(&m, hdr, n), 0);
    return m;
}

static struct nn_cmsghdr *find(struct nn_msghdr *h, int level, int type)
{
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(h); c; c = NN_CMSG_NXTHDR(h, c))
        if (c->cmsg_level == level && c->cmsg_type == type)
            return c;
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(buf, 0, sizeof buf);
    memset(&a_pipe, 0, sizeof a_pipe);
    a_pipe.id = 0x11223344;
    return 0;
}

static void what_is_built_is_parsed_back(void **state)
{
    (void)state;
    char hdr[1000];
    memset(hdr, 'h', sizeof hdr);
    const size_t sizes[] = {0, 4, 8, 31, 32, 33, 1000};
    for (size_t i = 0; i < 7; i++) {
        struct nn_msghdr h = control(sizeof buf);
        struct sp_msg m = message(hdr, sizes[i]), back;
        sp_msg_init(&back);
        assert_int_equal(sp_cmsg_build(&h, &m), 0);
        assert_int_equal(sp_cmsg_parse(&h, &back), 0);
        assert_int_equal(back.hdr_len, sizes[i]);
        assert_memory_equal(sp_msg_hdr(&back), hdr, sizes[i]);
        sp_msg_drop(&m);
        sp_msg_drop(&back);
    }
}

static void the_peer_is_told(void **state)
{
    (void)state;
    struct nn_msghdr h = control(sizeof buf);
    struct sp_msg m = message("abcd", 4);
    a_pipe.peer.id = (uint8_t *)(uintptr_t) "sensor";
    a_pipe.peer.id_len = 6;
    a_pipe.peer.cert = (uint8_t *)(uintptr_t) "DER";
    a_pipe.peer.cert_len = 3;
    assert_int_equal(sp_cmsg_build(&h, &m), 0);
    struct nn_cmsghdr *c = find(&h, NN_TLS, NN_TLS_PEER_ID);
    assert_non_null(c);
    assert_int_equal(c->cmsg_len, NN_CMSG_LEN(6));
    assert_memory_equal(NN_CMSG_DATA(c), "sensor", 6);
    assert_non_null(find(&h, NN_TLS, NN_TLS_PEER_CERT));
    c = find(&h, NN_SOL_SOCKET, NN_PIPE_ID);
    assert_non_null(c);
    assert_memory_equal(NN_CMSG_DATA(c), &a_pipe.id, sizeof a_pipe.id);
}

static void without_an_identity_none_is_told(void **state)
{
    (void)state;
    struct nn_msghdr h = control(sizeof buf);
    struct sp_msg m = message("abcd", 4);
    assert_int_equal(sp_cmsg_build(&h, &m), 0);
    assert_null(find(&h, NN_TLS, NN_TLS_PEER_ID));
    assert_null(find(&h, NN_TLS, NN_TLS_PEER_CERT));
}

/* At each size: what is told is whole, and nothing is written beyond. */
static void a_short_buffer_gets_what_fits_whole(void **state)
{
    (void)state;
    struct sp_msg m = message("abcd", 4);
    a_pipe.peer.id = (uint8_t *)(uintptr_t) "sensor";
    a_pipe.peer.id_len = 6;
    for (size_t n = 0; n < 256; n++) {
        memset(buf, 0xee, sizeof buf);
        struct nn_msghdr h = control(n);
        struct sp_msg back;
        sp_msg_init(&back);
        assert_int_equal(sp_cmsg_build(&h, &m), 0);
        for (size_t i = n; i < 300; i++)
            assert_int_equal(buf[i], 0xee);
        assert_int_equal(sp_cmsg_parse(&h, &back), 0);
        assert_true(back.hdr_len == 0 || back.hdr_len == 4);
        struct nn_cmsghdr *c = n >= sizeof(struct nn_cmsghdr) ? find(&h, NN_TLS, NN_TLS_PEER_ID) : NULL;
        if (c)
            assert_memory_equal(NN_CMSG_DATA(c), "sensor", 6);
        sp_msg_drop(&back);
    }
}

static void without_a_buffer_nothing_is_told(void **state)
{
    (void)state;
    struct nn_msghdr h = {0};
    struct sp_msg m = message("abcd", 4);
    assert_int_equal(sp_cmsg_build(&h, &m), 0);
    assert_int_equal(sp_cmsg_parse(&h, &m), 0);
    assert_int_equal(m.hdr_len, 4);
    assert_null(nn_cmsg_nxthdr_(NULL, NULL));
}

static void with_NN_MSG_a_buffer_is_given_and_taken(void **state)
{
    (void)state;
    void *p = NULL;
    struct nn_msghdr h = {.msg_control = &p, .msg_controllen = NN_MSG};
    struct sp_msg m = message("abcd", 4), back;
    sp_msg_init(&back);
    assert_int_equal(sp_cmsg_build(&h, &m), 0);
    assert_non_null(sp_chunk_of(p));
    assert_int_equal(sp_cmsg_parse(&h, &back), 0);
    assert_int_equal(back.hdr_len, 4);
    assert_non_null(find(&h, NN_SOL_SOCKET, NN_PIPE_ID));
    sp_cmsg_taken(&h); /* the address sanitizer sees whether it is freed */
}

static void with_NN_MSG_and_no_memory_it_fails(void **state)
{
    (void)state;
    void *p = NULL;
    struct nn_msghdr h = {.msg_control = &p, .msg_controllen = NN_MSG};
    struct sp_msg m = message("abcd", 4);
    failing_set(1);
    assert_int_equal(sp_cmsg_build(&h, &m), -ENOMEM);
    failing_clear();
    assert_null(p);
}

static void a_pointer_that_is_no_message_has_no_control_data(void **state)
{
    (void)state;
    void *p = buf + 64;
    struct nn_msghdr h = {.msg_control = &p, .msg_controllen = NN_MSG};
    struct sp_msg m;
    sp_msg_init(&m);
    assert_int_equal(sp_cmsg_parse(&h, &m), 0);
    assert_int_equal(m.hdr_len, 0);
    sp_cmsg_taken(&h);
}

/* Other lengths than there are, everywhere a length is. */
static void malformed_control_data_is_refused_or_ends_the_list(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 15, 16, 17, 24, 4095, 4096, 4097, SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2};
    for (size_t i = 0; i < 12; i++)
        for (size_t k = 0; k < 12; k++) {
            struct nn_msghdr h = control(sizeof buf);
            struct sp_msg m;
            sp_msg_init(&m);
            memset(buf, 0, sizeof buf);
            struct nn_cmsghdr *c = (struct nn_cmsghdr *)(void *)buf;
            *c = (struct nn_cmsghdr){.cmsg_len = lengths[i], .cmsg_level = PROTO_SP, .cmsg_type = SP_HDR};
            memcpy(NN_CMSG_DATA(c), &lengths[k], sizeof(size_t));
            int rc = sp_cmsg_parse(&h, &m);
            assert_true(rc == 0 || rc == -EINVAL || rc == -EMSGSIZE);
            assert_true(rc != 0 || m.hdr_len == 0 || m.hdr_len == lengths[k]);
            sp_msg_drop(&m);
        }
}

#define CMSG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, failing_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CMSG_TEST(what_is_built_is_parsed_back),
        CMSG_TEST(the_peer_is_told),
        CMSG_TEST(without_an_identity_none_is_told),
        CMSG_TEST(a_short_buffer_gets_what_fits_whole),
        CMSG_TEST(without_a_buffer_nothing_is_told),
        CMSG_TEST(with_NN_MSG_a_buffer_is_given_and_taken),
        CMSG_TEST(with_NN_MSG_and_no_memory_it_fails),
        CMSG_TEST(a_pointer_that_is_no_message_has_no_control_data),
        CMSG_TEST(malformed_control_data_is_refused_or_ends_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
