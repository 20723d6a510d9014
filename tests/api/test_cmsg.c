/* SPDX-License-Identifier: MIT */
/* Control messages, and raw sockets, whose protocol header travels in them. */
#include "lib.h"
#include <arpa/inet.h>

struct received {
    char body[64];
    int len;
    unsigned char hdr[64]; /* SP header */
    size_t hdr_len;
    int n_hdr;     /* how many SP headers there were */
    uint32_t pipe; /* 0: none */
};

static void parse(struct received *r, const struct nn_msghdr *h)
{
    for (struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(h); c; c = NN_CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == PROTO_SP && c->cmsg_type == SP_HDR) {
            memcpy(&r->hdr_len, NN_CMSG_DATA(c), sizeof r->hdr_len);
            assert_in_range(r->hdr_len, 0, sizeof r->hdr);
            assert_in_range(c->cmsg_len, NN_CMSG_LEN(sizeof(size_t) + r->hdr_len),
                            NN_CMSG_SPACE(sizeof(size_t) + r->hdr_len));
            memcpy(r->hdr, NN_CMSG_DATA(c) + sizeof(size_t), r->hdr_len);
            r->n_hdr++;
        } else if (c->cmsg_level == NN_SOL_SOCKET && c->cmsg_type == NN_PIPE_ID) {
            assert_int_equal(c->cmsg_len, NN_CMSG_LEN(sizeof r->pipe));
            memcpy(&r->pipe, NN_CMSG_DATA(c), sizeof r->pipe);
        }
    }
}

static struct received receive(int s)
{
    struct received r = {.len = 0};
    unsigned char control[256];
    struct nn_iovec v = {r.body, sizeof r.body - 1};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    r.len = lib_ok(nn_recvmsg(s, &h, 0));
    parse(&r, &h);
    return r;
}

/* Sends with this SP header; the call's result. */
static int send_bytes(int s, const char *body, size_t len, const void *hdr, size_t hdr_len)
{
    unsigned char control[256];
    memset(control, 0, sizeof control);
    struct nn_cmsghdr *c = (void *)control;
    c->cmsg_len = NN_CMSG_LEN(sizeof hdr_len + hdr_len);
    c->cmsg_level = PROTO_SP;
    c->cmsg_type = SP_HDR;
    memcpy(NN_CMSG_DATA(c), &hdr_len, sizeof hdr_len);
    if (hdr_len)
        memcpy(NN_CMSG_DATA(c) + sizeof hdr_len, hdr, hdr_len);
    struct nn_iovec v = {(void *)(uintptr_t)body, len};
    struct nn_msghdr h = {.msg_iov = &v,
                          .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = NN_CMSG_SPACE(sizeof hdr_len + hdr_len)};
    return nn_sendmsg(s, &h, 0);
}

static int send_with(int s, const char *body, const void *hdr, size_t hdr_len)
{
    return send_bytes(s, body, strlen(body), hdr, hdr_len);
}

/* Sends on what was received by a raw socket, as a device does. */
static int forward(int to, const struct received *r)
{
    return send_bytes(to, r->body, (size_t)r->len, r->hdr, r->hdr_len);
}

static uint32_t word(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return ntohl(v);
}

/* ---- the format ---- */

static void sizes_are_nanomsgs(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct nn_iovec), 2 * sizeof(void *));
    assert_int_equal(sizeof(struct nn_msghdr), 4 * sizeof(void *));
    assert_int_equal(sizeof(struct nn_cmsghdr), 8 + sizeof(size_t));
    assert_int_equal(sizeof(struct nn_pollfd), 8);
    assert_int_equal(NN_CMSG_SPACE(0), sizeof(struct nn_cmsghdr));
}

static void a_cooked_message_has_an_empty_header(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    lib_send(t.c, "x");
    struct received r = receive(t.s);
    assert_int_equal(r.n_hdr, 1);
    assert_int_equal(r.hdr_len, 0);
    assert_string_equal(r.body, "x");
    lib_close(t);
}

static void the_header_is_the_first_control_message(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    unsigned char control[256];
    struct nn_msghdr h = {.msg_control = control, .msg_controllen = sizeof control};
    lib_send(t.c, "x");
    lib_ok(nn_recvmsg(t.s, &h, 0));
    struct nn_cmsghdr *c = NN_CMSG_FIRSTHDR(&h);
    assert_non_null(c);
    assert_ptr_equal(c, control);
    assert_int_equal(c->cmsg_level, PROTO_SP);
    assert_int_equal(c->cmsg_type, SP_HDR);
    lib_close(t);
}

static void the_pipe_is_the_one_of_nn_pipes(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    struct nn_pipe_info info = {.size = sizeof info};
    assert_int_equal(nn_pipes(t.s, &info, 1), 1);
    lib_send(t.c, "x");
    assert_int_equal(receive(t.s).pipe, info.id);
    lib_close(t);
}

static void a_control_buffer_that_is_too_small_is_left_empty(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    unsigned char control[NN_CMSG_SPACE(0) - 1];
    memset(control, 0xff, sizeof control);
    struct nn_msghdr h = {.msg_control = control, .msg_controllen = sizeof control};
    lib_send(t.c, "x");
    lib_ok(nn_recvmsg(t.s, &h, 0));
    assert_null(NN_CMSG_FIRSTHDR(&h));
    lib_close(t);
}

static void the_library_allocates_control_data(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    struct received r = {.len = 0};
    void *control = NULL;
    struct nn_msghdr h = {.msg_control = &control, .msg_controllen = NN_MSG};
    lib_send(t.c, "x");
    lib_ok(nn_recvmsg(t.s, &h, 0));
    assert_non_null(control);
    parse(&r, &h);
    assert_int_equal(r.n_hdr, 1);
    assert_int_not_equal(r.pipe, 0);
    assert_int_equal(nn_freemsg(control), 0);
    lib_close(t);
}

static void a_send_takes_control_data(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    void *control = NULL, *body = NULL;
    struct nn_iovec v = {&body, NN_MSG};
    struct nn_msghdr h = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = NN_MSG};
    lib_send(t.c, "forth");
    lib_ok(nn_recvmsg(t.s, &h, 0));
    lib_ok(nn_sendmsg(t.s, &h, 0)); /* a leak checker sees whether both were taken */
    lib_expect(t.c, "forth");
    lib_close(t);
}

static void a_failed_send_leaves_control_data(void **state)
{
    (void)state;
    int s = lib_socket(NN_PAIR);
    struct nn_cmsghdr *control = nn_allocmsg(NN_CMSG_SPACE(sizeof(size_t)), 0);
    assert_non_null(control);
    memset(control, 0, NN_CMSG_SPACE(sizeof(size_t)));
    control->cmsg_len = NN_CMSG_LEN(sizeof(size_t));
    control->cmsg_level = PROTO_SP;
    control->cmsg_type = SP_HDR;
    void *p = control;
    struct nn_msghdr h = {.msg_control = &p, .msg_controllen = NN_MSG};
    lib_fails(nn_sendmsg(s, &h, NN_DONTWAIT), EAGAIN);
    assert_int_equal(nn_freemsg(p), 0);
    nn_close(s);
}

static void malformed_control_data_ends_the_walk(void **state)
{
    (void)state;
    struct nn_cmsghdr c[2] = {{.cmsg_len = 3}, {.cmsg_len = sizeof *c}};
    struct nn_msghdr h = {.msg_control = c, .msg_controllen = sizeof c};
    assert_null(NN_CMSG_FIRSTHDR(&h)); /* shorter than itself */
    c[0].cmsg_len = (size_t)-1;
    assert_null(NN_CMSG_FIRSTHDR(&h)); /* longer than the buffer */
    c[0].cmsg_len = sizeof *c;
    assert_ptr_equal(NN_CMSG_FIRSTHDR(&h), &c[0]);
    assert_ptr_equal(NN_CMSG_NXTHDR(&h, &c[0]), &c[1]);
    assert_null(NN_CMSG_NXTHDR(&h, &c[1]));
    h.msg_controllen = sizeof c[0] - 1;
    assert_null(NN_CMSG_FIRSTHDR(&h));
}

static void a_header_longer_than_its_message_is_refused(void **state)
{
    (void)state;
    struct lib_two t = lib_two_in(AF_SP_RAW, NN_REP, NN_REQ);
    unsigned char control[64] = {0};
    struct nn_cmsghdr *c = (void *)control;
    size_t lie = 1000;
    c->cmsg_len = NN_CMSG_LEN(sizeof lie);
    c->cmsg_level = PROTO_SP;
    c->cmsg_type = SP_HDR;
    memcpy(NN_CMSG_DATA(c), &lie, sizeof lie);
    struct nn_msghdr h = {.msg_control = control, .msg_controllen = NN_CMSG_SPACE(sizeof lie)};
    lib_fails(nn_sendmsg(t.c, &h, 0), EINVAL);
    lib_close(t);
}

static void a_forged_pipe_id_is_ignored(void **state)
{
    (void)state;
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    unsigned char control[64] = {0};
    struct nn_cmsghdr *c = (void *)control;
    uint32_t id = 7;
    c->cmsg_len = NN_CMSG_LEN(sizeof id);
    c->cmsg_level = NN_SOL_SOCKET;
    c->cmsg_type = NN_PIPE_ID;
    memcpy(NN_CMSG_DATA(c), &id, sizeof id);
    struct nn_msghdr h = {.msg_control = control, .msg_controllen = NN_CMSG_SPACE(sizeof id)};
    lib_ok(nn_sendmsg(t.c, &h, 0));
    struct received r = receive(t.s);
    assert_int_equal(r.hdr_len, 0);
    lib_close(t);
}

/* ---- raw sockets ---- */

static void a_raw_rep_gets_the_stack_with_the_pipe_on_top(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP), c = lib_socket(NN_REQ);
    lib_join(s, c);
    lib_send(c, "q");
    struct received r = receive(s);
    assert_string_equal(r.body, "q");
    assert_int_equal(r.hdr_len, 8);
    assert_int_equal(word(r.hdr), r.pipe);
    assert_int_equal(word(r.hdr) & 0x80000000, 0);
    assert_int_equal(word(r.hdr + 4) & 0x80000000, 0x80000000);
    nn_close(c);
    nn_close(s);
}

static void a_raw_rep_answers_by_the_header(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP), c = lib_socket(NN_REQ);
    lib_join(s, c);
    lib_send(c, "q");
    struct received r = receive(s);
    lib_ok(send_with(s, "a", r.hdr, r.hdr_len));
    lib_expect(c, "a");
    nn_close(c);
    nn_close(s);
}

static void a_raw_rep_answers_in_any_order(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP), a = lib_socket(NN_REQ), b = lib_socket(NN_REQ);
    lib_join(s, a);
    lib_join(s, b);
    lib_send(a, "from a");
    struct received ra = receive(s);
    lib_send(b, "from b");
    struct received rb = receive(s);
    lib_ok(send_with(s, "to b", rb.hdr, rb.hdr_len));
    lib_ok(send_with(s, "to a", ra.hdr, ra.hdr_len));
    lib_expect(a, "to a");
    lib_expect(b, "to b");
    nn_close(a);
    nn_close(b);
    nn_close(s);
}

static void a_raw_rep_without_a_pipe_drops_the_answer(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP), c = lib_socket(NN_REQ);
    lib_join(s, c);
    lib_ok(send_with(s, "nobody", "\0\0\0\1\x80\0\0\1", 8));
    lib_ok(send_with(s, "nothing", "", 0));
    assert_int_equal(lib_stat(s, NN_STAT_MESSAGES_DROPPED_SEND), 2);
    nn_close(c);
    nn_close(s);
}

static void a_raw_req_sends_its_own_header(void **state)
{
    (void)state;
    int s = lib_socket(NN_REP), c = lib_socket_in(AF_SP_RAW, NN_REQ);
    lib_join(s, c);
    lib_ok(send_with(c, "q", "\x80\0\0\x2a", 4));
    lib_expect(s, "q");
    lib_send(s, "a");
    struct received r = receive(c);
    assert_string_equal(r.body, "a");
    assert_int_equal(r.hdr_len, 4);
    assert_int_equal(word(r.hdr), 0x8000002a);
    nn_close(c);
    nn_close(s);
}

static void raw_sockets_forward_a_request(void **state)
{
    (void)state;
    int front = lib_socket_in(AF_SP_RAW, NN_REP), back = lib_socket_in(AF_SP_RAW, NN_REQ);
    int client = lib_socket(NN_REQ), server = lib_socket(NN_REP);
    lib_join(front, client);
    lib_join(server, back);
    lib_send(client, "over a bridge");
    struct received r = receive(front);
    lib_ok(forward(back, &r));
    lib_expect(server, "over a bridge");
    lib_send(server, "and back");
    r = receive(back);
    assert_int_equal(r.hdr_len,
                     4); /* the front's pipe, as in nanomsg; the rest of the stack is in the body */
    lib_ok(forward(front, &r));
    lib_expect(client, "and back");
    nn_close(client);
    nn_close(server);
    nn_close(front);
    nn_close(back);
}

static void raw_pub_and_sub_have_no_header(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_PUB), c = lib_socket(NN_SUB);
    lib_join(s, c);
    lib_send(s, "news");
    lib_expect(c, "news");
    nn_close(c);
    nn_close(s);
    s = lib_socket(NN_PUB), c = lib_socket_in(AF_SP_RAW, NN_SUB);
    lib_ok(nn_setsockopt(c, NN_SUB, NN_SUB_SUBSCRIBE, "", 0));
    lib_join(s, c);
    lib_send(s, "news");
    assert_int_equal(receive(c).hdr_len, 0);
    nn_close(c);
    nn_close(s);
}

static void a_raw_socket_says_so(void **state)
{
    (void)state;
    int s = lib_socket_in(AF_SP_RAW, NN_REP);
    assert_int_equal(lib_get(s, NN_DOMAIN), AF_SP_RAW);
    assert_int_equal(lib_get(s, NN_PROTOCOL), NN_REP);
    nn_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_nanomsgs),
        cmocka_unit_test(a_cooked_message_has_an_empty_header),
        cmocka_unit_test(the_header_is_the_first_control_message),
        cmocka_unit_test(the_pipe_is_the_one_of_nn_pipes),
        cmocka_unit_test(a_control_buffer_that_is_too_small_is_left_empty),
        cmocka_unit_test(the_library_allocates_control_data),
        cmocka_unit_test(a_send_takes_control_data),
        cmocka_unit_test(a_failed_send_leaves_control_data),
        cmocka_unit_test(malformed_control_data_ends_the_walk),
        cmocka_unit_test(a_header_longer_than_its_message_is_refused),
        cmocka_unit_test(a_forged_pipe_id_is_ignored),
        cmocka_unit_test(a_raw_rep_gets_the_stack_with_the_pipe_on_top),
        cmocka_unit_test(a_raw_rep_answers_by_the_header),
        cmocka_unit_test(a_raw_rep_answers_in_any_order),
        cmocka_unit_test(a_raw_rep_without_a_pipe_drops_the_answer),
        cmocka_unit_test(a_raw_req_sends_its_own_header),
        cmocka_unit_test(raw_sockets_forward_a_request),
        cmocka_unit_test(raw_pub_and_sub_have_no_header),
        cmocka_unit_test(a_raw_socket_says_so),
    };
    return cmocka_run_group_tests_name("control messages and raw sockets", tests, NULL, NULL);
}
