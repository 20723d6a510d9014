/* SPDX-License-Identifier: MIT */
#include "base.h"
#include "base/fds.h"
#include "transports/stream/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sp_peer peer;

/* A stream over one end of a pair; `other` is the far end, in blocking mode. */
static struct sp_stream *stream_new(int *other)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(sp_fd_keep(fd[0]), 0);
    memset(&peer, 0, sizeof peer);
    struct sp_stream *s = sp_fdstream_new(fd[0], &peer);
    assert_non_null(s);
    *other = fd[1];
    return s;
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    int fd;
    char a[3], b[8];
    struct sp_stream *s = stream_new(&fd);
    struct iovec out[2] = {{(char[]){'a', 'b'}, 2}, {(char[]){'c', 'd', 'e'}, 3}};
    struct iovec in[2] = {{a, 3}, {b, 8}};
    assert_null(s->ops->start);
    assert_null(s->ops->rekey);
    assert_int_equal(s->ops->writev(s, out, 2), 5);
    assert_int_equal(s->ops->writev(s, out + 1, 1), 3);
    assert_int_equal(recv(fd, b, 8, MSG_WAITALL), 8);
    assert_memory_equal(b, "abcdecde", 8);
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_int_equal(s->ops->readv(s, in, 2), 5);
    assert_memory_equal(a, "123", 3);
    assert_memory_equal(b, "45", 2);
    assert_int_equal(write(fd, "6", 1), 1);
    assert_int_equal(s->ops->readv(s, in + 1, 1), 1);
    s->ops->close(s);
    close(fd);
}

static void nothing_to_read_and_no_room_are_EAGAIN(void **state)
{
    (void)state;
    int fd;
    char big[65536] = {0};
    struct sp_stream *s = stream_new(&fd);
    struct iovec v = {big, sizeof big};
    ssize_t n;
    assert_int_equal(s->ops->readv(s, &v, 1), -EAGAIN);
    while ((n = s->ops->writev(s, &v, 1)) > 0)
        ;
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(s->ops->writev(s, NULL, 0), 0);
    assert_int_equal(s->ops->want(s), 0);
    s->ops->close(s);
    close(fd);
}

static void the_end_is_0_and_finish_is_one_sided(void **state)
{
    (void)state;
    int fd;
    char b[4];
    struct sp_stream *s = stream_new(&fd);
    struct iovec v = {b, 4};
    assert_int_equal(s->ops->finish(s), 0);
    assert_int_equal(read(fd, b, 4), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(s->ops->readv(s, &v, 1), 1);
    close(fd);
    assert_int_equal(s->ops->readv(s, &v, 1), 0);
    s->ops->close(s);
}

/* Would raise SIGPIPE, which kills. */
static void writing_to_nobody_is_an_errno_without_a_signal(void **state)
{
    (void)state;
    int fd;
    struct sp_stream *s = stream_new(&fd);
    struct iovec v[2] = {{(char[]){1}, 1}, {(char[]){1}, 1}};
    close(fd);
    assert_int_equal(s->ops->writev(s, v, 1), -EPIPE);
    assert_int_equal(s->ops->writev(s, v, 2), -EPIPE);
    s->ops->close(s);
}

static void closing_closes_the_descriptor(void **state)
{
    (void)state;
    int fd, before = sp_fd_count();
    struct sp_stream *s = stream_new(&fd);
    int own = s->fd;
    s->ops->close(s);
    assert_int_equal(fcntl(own, F_GETFD), -1);
    assert_int_equal(sp_fd_count(), before);
    close(fd);
}

static void without_memory_there_is_no_stream(void **state)
{
    (void)state;
    failing_set(1);
    assert_null(sp_fdstream_new(0, &peer));
    assert_int_equal(failing_clear(), 1);
}

static void the_first_reason_stays(void **state)
{
    (void)state;
    struct sp_peer p = {0};
    sp_peer_reason(&p, SP_REASON_WRONG_KEY, "the %s one", "first");
    sp_peer_reason(&p, SP_REASON_TIMEOUT, "second");
    assert_int_equal(p.reason, SP_REASON_WRONG_KEY);
    assert_string_equal(p.detail, "the first one");
}

static void long_words_are_cut(void **state)
{
    (void)state;
    struct sp_peer p = {0};
    sp_peer_reason(&p, SP_REASON_PROTOCOL, "%0500d", 0);
    assert_int_equal(strlen(p.detail), sizeof p.detail - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(nothing_to_read_and_no_room_are_EAGAIN),
        TEST(the_end_is_0_and_finish_is_one_sided),
        TEST(writing_to_nobody_is_an_errno_without_a_signal),
        TEST(closing_closes_the_descriptor),
        TEST(without_memory_there_is_no_stream),
        TEST(the_first_reason_stays),
        TEST(long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
