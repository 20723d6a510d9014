/* SPDX-License-Identifier: MIT */
/* What a row's family changes, and what is the same for all. Sockets themselves: test_inet.c,
 * test_ipc.c. */
#define MEM_TCP
#include "memconn.h"

static int tuned;
static void note_text(const struct sp_ep *ep, const struct sp_addr *a, char *out, size_t n)
{
    snprintf(out, n, "%s/%d", ep->t->scheme, (int)a->len);
}
static void note_tune(int fd)
{
    tuned = fd;
}
static const struct sp_family family = {.text = note_text, .tune = note_tune};
static const struct sp_stream_row row = {.framer = &sp_frame_sp, .family = &family};
static const struct sp_transport other = {.scheme = "other", .row = &row};

static struct {
    struct sp_ep ep;
    struct sp_stream_ep se;
} x;

static void endpoint(const struct sp_transport *t, bool dials)
{
    memset(&x, 0, sizeof x);
    x.ep.t = t;
    x.ep.data = &x.se;
    x.ep.dialler = dials;
}

static void the_internet_is_the_family_of_rows_that_name_none(void **state)
{
    (void)state;
    endpoint(&sp_tcp, true);
    assert_ptr_equal(sp_addr_family(&x.ep), &sp_inet);
    endpoint(&other, true);
    assert_ptr_equal(sp_addr_family(&x.ep), &family);
}

static void the_row_says_where_to_go(void **state)
{
    (void)state;
    struct sp_addr a = {.len = 7};
    endpoint(&other, true);
    sp_stream_address(&x.ep, &a);
    assert_int_equal(x.se.n_cand, 1);
    assert_int_equal(x.se.cand[0].len, 7);
    assert_int_equal(x.se.local.len, 0);
    endpoint(&other, false);
    sp_stream_address(&x.ep, &a);
    assert_int_equal(x.se.n_cand, 0);
    assert_int_equal(x.se.local.len, 7);
}

static void the_family_writes_and_tunes(void **state)
{
    (void)state;
    char text[32];
    struct sp_addr a = {.ss.ss_family = AF_UNIX, .len = 5};
    endpoint(&other, true);
    sp_addr_text(&x.ep, &a, text, sizeof text);
    assert_string_equal(text, "other/5");
    int fd = sp_addr_socket(&x.ep, &a);
    assert_true(fd >= 0);
    assert_int_equal(tuned, fd);
    sp_fd_close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_internet_is_the_family_of_rows_that_name_none),
        TEST(the_row_says_where_to_go),
        TEST(the_family_writes_and_tunes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
