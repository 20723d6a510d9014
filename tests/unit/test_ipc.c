/* SPDX-License-Identifier: MIT */
/* The rows of ipc and abstract, by themselves. What a listener does with its file is in
 * tests/api/test_ipc_file.c. */
#include "base.h"
#include "base/fds.h"
#include "transports/ipc/ipc.h"
#include "transports/stream/impl.h"
#include <errno.h>
#include <fcntl.h>
#include <nanomsg/ipc.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

extern const struct sp_transport sp_ipc, sp_abstract;
const struct sp_protocol *const sp_protocols[] = {NULL};
const struct sp_transport *const sp_transports[] = {NULL};
const struct sp_optlevel *const sp_optlevels[] = {&sp_ipc_opts, NULL};
void (*const sp_child_hooks[])(void) = {NULL};
void (*const sp_term_hooks[])(void) = {NULL};

/* An endpoint that was not started. */
static struct {
    struct sp_ep ep;
    struct sp_stream_ep se;
} x;

static int address(const struct sp_transport *t, const char *text, bool dial)
{
    memset(&x, 0, sizeof x);
    x.ep.t = t;
    x.ep.data = &x.se;
    x.ep.dialler = dial;
    snprintf(x.ep.address, sizeof x.ep.address, "%s://%s", t->scheme, text);
    snprintf(x.ep.url.rest, sizeof x.ep.url.rest, "%s", text);
    return sp_stream_row(&x.ep)->address(&x.ep);
}

static const struct sockaddr_un *un_of(const struct sp_addr *a)
{
    return (const struct sockaddr_un *)&a->ss;
}

static void a_path_is_a_name_with_its_end(void **state)
{
    (void)state;
    assert_int_equal(address(&sp_ipc, "a/b", true), 0);
    assert_int_equal(x.se.n_cand, 1);
    assert_int_equal(x.se.local.len, 0);
    assert_int_equal(un_of(&x.se.cand[0])->sun_family, AF_UNIX);
    assert_string_equal(un_of(&x.se.cand[0])->sun_path, "a/b");
    assert_int_equal(x.se.cand[0].len, offsetof(struct sockaddr_un, sun_path) + 4);
    assert_int_equal(address(&sp_ipc, "/a", false), 0);
    assert_int_equal(x.se.n_cand, 0);
    assert_string_equal(un_of(&x.se.local)->sun_path, "/a");
}

static void the_limit_is_the_systems(void **state)
{
    (void)state;
    char text[120];
    size_t max = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    memset(text, 'x', sizeof text);
    for (size_t n = 0; n < sizeof text; n++) {
        text[n] = 0;
        int want = n == 0 ? -EINVAL : n <= max ? 0 : -ENAMETOOLONG;
        assert_int_equal(address(&sp_ipc, text, true), want);
        assert_int_equal(address(&sp_ipc, text, false), want);
        text[n] = 'x';
    }
}

#ifdef __linux__
static void an_abstract_name_begins_with_a_zero_and_has_no_end(void **state)
{
    (void)state;
    assert_int_equal(address(&sp_abstract, "name", true), 0);
    assert_int_equal(x.se.cand[0].len, offsetof(struct sockaddr_un, sun_path) + 5);
    assert_memory_equal(un_of(&x.se.cand[0])->sun_path, "\0name", 5);
    assert_int_equal(address(&sp_abstract, "", true), -EINVAL);
    assert_int_equal(address(&sp_abstract, "50%", true), -EINVAL);
}
#endif

static void both_sides_are_called_after_the_listener(void **state)
{
    (void)state;
    char text[64];
    struct sp_addr nobody = {.len = 2};
    assert_int_equal(address(&sp_ipc, "a/b", false), 0);
    sp_addr_text(&x.ep, &nobody, text, sizeof text);
    assert_string_equal(text, "ipc://a/b");
    sp_addr_text(&x.ep, &nobody, text, 6);
    assert_string_equal(text, "ipc:/");
}

static void a_socket_is_local_and_does_not_block(void **state)
{
    (void)state;
    assert_int_equal(address(&sp_ipc, "x", true), 0);
    int before = sp_fd_count(), fd = sp_addr_socket(&x.ep, &x.se.cand[0]), domain = 0;
    socklen_t len = sizeof domain;
    assert_true(fd >= 0);
    assert_int_equal(sp_fd_count(), before + 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
#ifdef SO_DOMAIN
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
    assert_int_equal(domain, AF_UNIX);
#endif
    sp_fd_close(fd);
}

static int kernel_buffer(int option)
{
    int v = 0;
    socklen_t len = sizeof v;
    int fd = sp_addr_socket(&x.ep, &x.se.cand[0]);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, option, &v, &len), 0);
    sp_fd_close(fd);
    return v;
}

static void the_kernels_buffers_follow_only_what_the_user_set(void **state)
{
    (void)state;
    assert_int_equal(address(&sp_ipc, "x", true), 0);
    int snd = kernel_buffer(SO_SNDBUF), rcv = kernel_buffer(SO_RCVBUF);
    x.ep.snd_buf = 20000;
    x.ep.rcv_buf = 30000;
    assert_in_range(kernel_buffer(SO_SNDBUF), 20000, 80000);
    assert_in_range(kernel_buffer(SO_RCVBUF), 30000, 120000);
    x.ep.snd_buf = x.ep.rcv_buf = 0;
    assert_int_equal(kernel_buffer(SO_SNDBUF), snd);
    assert_int_equal(kernel_buffer(SO_RCVBUF), rcv);
}

static void a_stream_knows_the_process_behind_it(void **state)
{
    (void)state;
    int fd[2];
    struct sp_peer peer = {.pid = -7};
    struct sp_stream *s = NULL;
    assert_int_equal(address(&sp_ipc, "x", true), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(sp_fd_keep(fd[0]), 0);
    assert_int_equal(sp_stream_row(&x.ep)->stack(&x.ep, fd[0], true, &peer, &s), 0);
    assert_true(peer.local);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
#ifdef __linux__
    assert_int_equal(peer.pid, getpid());
#else
    assert_int_equal(peer.pid, -1);
#endif
    s->ops->close(s);
    close(fd[1]);
}

static void without_memory_the_descriptor_is_closed(void **state)
{
    (void)state;
    int fd[2];
    char c;
    struct sp_peer peer = {.pid = 0};
    struct sp_stream *s = NULL;
    assert_int_equal(address(&sp_ipc, "x", true), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    int before = sp_fd_count();
    assert_int_equal(sp_fd_keep(fd[0]), 0);
    failing_set(1);
    int rc = sp_stream_row(&x.ep)->stack(&x.ep, fd[0], false, &peer, &s);
    assert_int_equal(failing_clear(), 1);
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(sp_fd_count(), before);
    assert_int_equal(read(fd[1], &c, 1), 0);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_is_a_name_with_its_end),
        TEST(the_limit_is_the_systems),
#ifdef __linux__
        TEST(an_abstract_name_begins_with_a_zero_and_has_no_end),
#endif
        TEST(both_sides_are_called_after_the_listener),
        TEST(a_socket_is_local_and_does_not_block),
        TEST(the_kernels_buffers_follow_only_what_the_user_set),
        TEST(a_stream_knows_the_process_behind_it),
        TEST(without_memory_the_descriptor_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
