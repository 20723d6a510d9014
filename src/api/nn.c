/* SPDX-License-Identifier: MIT */
/* The public calls: they enter the socket by its number, move the message in or out, and turn
 * negative errno into -1 and errno.
 *
 * Failure modes: with NN_MSG a failed call leaves the message with the caller, a successful one has
 * taken it. Arguments that cannot be right are EFAULT, EINVAL or EBADF; nothing here aborts. */
#include "../base/log.h"
#include "../core/life.h"
#include "../core/poll.h"
#include "../core/sock.h"
#include "../core/table.h"
#include "../policy/policy.h"
#include "cmsg.h"
#include <errno.h>
#include <limits.h>

static int result(int rc)
{
    if (rc >= 0)
        return rc;
    errno = -rc;
    return -1;
}

int nn_errno(void)
{
    return errno;
}

const char *nn_strerror(int errnum)
{
    switch (errnum) {
    case ETERM:
        return "Nanomsg library was terminated";
    case EFSM:
        return "Operation cannot be performed in this state";
    default:
        return strerror(errnum);
    }
}

int nn_socket(int domain, int protocol)
{
    int rc = sp_life_start();
    return result(rc < 0 ? rc : sp_table_open(domain, protocol));
}

int nn_close(int s)
{
    return result(sp_table_close(s));
}
void nn_term(void)
{
    sp_life_term();
}

int nn_init(void)
{
    sp_life_init();
    return 0;
}

void nn_log(void (*fn)(void *arg, const char *line), void *arg)
{
    sp_log_set(fn, arg);
}

int nn_setsockopt(int s, int level, int option, const void *optval, size_t optvallen)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    int rc =
        !optval && optvallen ? -EFAULT : sp_sock_setopt(sock, level, option, optval, optvallen);
    sp_table_leave(s);
    return result(rc);
}

int nn_getsockopt(int s, int level, int option, void *optval, size_t *optvallen)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    int rc = !optvallen || (!optval && *optvallen)
                 ? -EFAULT
                 : sp_sock_getopt(sock, level, option, optval, optvallen);
    sp_table_leave(s);
    return result(rc);
}

static int add_endpoint(int s, const char *addr, bool dial)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    int rc = addr ? sp_policy_add_ep(sock, addr, dial) : -EFAULT;
    sp_table_leave(s);
    return result(rc);
}

int nn_bind(int s, const char *addr)
{
    return add_endpoint(s, addr, false);
}
int nn_connect(int s, const char *addr)
{
    return add_endpoint(s, addr, true);
}

int nn_shutdown(int s, int how)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    int rc = sp_sock_shutdown(sock, how);
    sp_table_leave(s);
    return result(rc);
}

int nn_poll(struct nn_pollfd *fds, int nfds, int timeout)
{
    return result(sp_poll(fds, nfds, timeout));
}

uint64_t nn_get_statistic(int s, int stat)
{
    bool known = false;
    struct sp_sock *sock = sp_table_enter(s);
    uint64_t v = sock ? sp_sock_stat(sock, stat, &known) : 0;
    if (sock)
        sp_table_leave(s);
    if (known)
        return v;
    errno = sock ? EINVAL : EBADF;
    return UINT64_MAX;
}

int nn_pipes(int s, struct nn_pipe_info *v, int n)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    int rc = n > 0 && !v ? -EFAULT : sp_sock_pipe_info(sock, v, n);
    sp_table_leave(s);
    return result(rc);
}

/* ---- messages ---- */

void *nn_allocmsg(size_t size, int type)
{
    if (type != 0) {
        errno = EINVAL;
        return NULL;
    }
    struct sp_chunk *c = sp_chunk_new(size);
    if (!c)
        errno = ENOMEM;
    return c ? sp_chunk_data(c) : NULL;
}

void *nn_reallocmsg(void *msg, size_t size)
{
    struct sp_chunk *c = sp_chunk_of(msg);
    if (!c) {
        errno = EFAULT;
        return NULL;
    }
    if (size <= c->cap) {
        c->len = size;
        return msg;
    }
    struct sp_chunk *d;
    if (atomic_load(&c->refs) == 1) {
        d = sp_chunk_grow(c, size);
    } else if ((d = sp_chunk_new(size))) { /* the library still sends the old one */
        memcpy(sp_chunk_data(d), msg, c->len);
        sp_chunk_drop(c);
    }
    if (!d)
        errno = ENOMEM;
    return d ? sp_chunk_data(d) : NULL;
}

int nn_freemsg(void *msg)
{
    struct sp_chunk *c = sp_chunk_of(msg);
    if (!c)
        return result(-EFAULT);
    sp_chunk_drop(c);
    return 0;
}

/* Sends a body that the caller owns as a chunk: a reference of ours keeps it alive, so that a
 * failure gives it back. */
static int send_chunk(struct sp_sock *s, struct sp_msg *m, int flags)
{
    struct sp_chunk *c = m->chunk;
    int len = (int)m->body_len;
    sp_chunk_hold(c);
    int rc = sp_sock_send(s, m, flags);
    bool taken = m->chunk != c;
    if (rc >= 0 || !taken)
        sp_chunk_drop(c); /* else it was taken and dropped: ours becomes the caller's */
    m->chunk = NULL;
    return rc < 0 ? rc : len;
}

static int send_body(struct sp_sock *s, struct sp_msg *m, const void *buf, size_t len, int flags)
{
    if (len == NN_MSG) {
        void *body = NULL;
        if (buf)
            memcpy(&body, buf, sizeof body);
        m->chunk = body ? sp_chunk_of(body) : NULL;
        if (!m->chunk)
            return -EFAULT;
        m->body = body;
        m->body_len = m->chunk->len;
        return m->body_len > INT_MAX ? -EMSGSIZE : send_chunk(s, m, flags);
    }
    if (!buf && len)
        return -EFAULT;
    if (len > INT_MAX)
        return -EMSGSIZE;
    m->body = (uint8_t *)(uintptr_t)buf;
    m->body_len = len;
    int rc = sp_sock_send(s, m, flags);
    return rc < 0 ? rc : (int)len;
}

int nn_send(int s, const void *buf, size_t len, int flags)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    struct sp_msg m;
    sp_msg_init(&m);
    int rc = send_body(sock, &m, buf, len, flags);
    sp_table_leave(s);
    if (rc < 0 && len != NN_MSG)
        sp_msg_drop(&m);
    return result(rc);
}

/* Joins the pieces of an iovec into one chunk. */
static int gather(const struct nn_msghdr *h, struct sp_msg *m)
{
    size_t total = 0;
    for (int i = 0; i < h->msg_iovlen; i++) {
        if (!h->msg_iov[i].iov_base && h->msg_iov[i].iov_len)
            return -EFAULT;
        if (h->msg_iov[i].iov_len == NN_MSG)
            return -EINVAL;
        if (h->msg_iov[i].iov_len > (size_t)INT_MAX - total)
            return -EMSGSIZE;
        total += h->msg_iov[i].iov_len;
    }
    m->chunk = sp_chunk_new(total);
    if (!m->chunk)
        return -ENOMEM;
    uint8_t *p = m->body = sp_chunk_data(m->chunk);
    m->body_len = total;
    for (int i = 0; i < h->msg_iovlen; p += h->msg_iov[i++].iov_len)
        if (h->msg_iov[i].iov_len)
            memcpy(p, h->msg_iov[i].iov_base, h->msg_iov[i].iov_len);
    return 0;
}

static int sendmsg_body(struct sp_sock *s, const struct nn_msghdr *h, struct sp_msg *m, int flags)
{
    if (h->msg_iovlen < 0 || (h->msg_iovlen && !h->msg_iov))
        return h->msg_iovlen < 0 ? -EMSGSIZE : -EFAULT;
    if (h->msg_iovlen == 1 && h->msg_iov[0].iov_len == NN_MSG)
        return send_body(s, m, h->msg_iov[0].iov_base, NN_MSG, flags);
    int rc = gather(h, m);
    size_t len = m->body_len;
    if (rc == 0)
        rc = sp_sock_send(s, m, flags);
    if (rc < 0) {
        sp_chunk_drop(m->chunk);
        m->chunk = NULL;
    }
    return rc < 0 ? rc : (int)len;
}

int nn_sendmsg(int s, const struct nn_msghdr *msghdr, int flags)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return result(-EBADF);
    struct sp_msg m;
    sp_msg_init(&m);
    int rc = msghdr ? sp_cmsg_parse(msghdr, &m) : -EINVAL;
    if (rc == 0)
        rc = sendmsg_body(sock, msghdr, &m, flags);
    sp_table_leave(s);
    if (rc < 0)
        sp_chunk_drop(m.more);
    else
        sp_cmsg_taken(msghdr);
    return result(rc);
}

/* ---- receiving ---- */

struct receiver {
    struct sp_msg
        m;       /* the message when it owns its body: copied or given after the lock is released */
    void *buf;   /* where to */
    size_t len;  /* its room, or NN_MSG */
    void *given; /* NN_MSG: the body's chunk for the application */
    struct nn_msghdr *h; /* nn_recvmsg: for the control data */
};

/* A chunk whose data is exactly the body, for the application alone: it may write to it. */
static int give(struct receiver *r, struct sp_msg *m)
{
    if (m->chunk && m->body == sp_chunk_data(m->chunk) && atomic_load(&m->chunk->refs) == 1) {
        m->chunk->len = m->body_len;
        r->given = m->body;
        m->chunk = NULL;
        return 0;
    }
    struct sp_chunk *c = sp_chunk_new(m->body_len);
    if (!c)
        return -ENOMEM;
    if (m->body_len)
        memcpy(sp_chunk_data(c), m->body, m->body_len);
    r->given = sp_chunk_data(c);
    return 0;
}

static void scatter(const struct receiver *r, const struct sp_msg *m)
{
    size_t off = 0;
    if (!r->h) {
        size_t n = m->body_len < r->len ? m->body_len : r->len;
        if (n)
            memcpy(r->buf, m->body, n);
        return;
    }
    for (int i = 0; i < r->h->msg_iovlen && off < m->body_len; i++) {
        size_t n = m->body_len - off;
        n = n < r->h->msg_iov[i].iov_len ? n : r->h->msg_iov[i].iov_len;
        if (n)
            memcpy(r->h->msg_iov[i].iov_base, m->body + off, n);
        off += n;
    }
}

#define SMALL 4096 /* bodies up to here are copied under the lock */

static int take(struct sp_sock *s, struct sp_msg *m, void *arg)
{
    struct receiver *r = arg;
    (void)s;
    int len = (int)m->body_len;
    if (m->body_len > INT_MAX)
        return -EMSGSIZE;
    bool msg = r->len == NN_MSG;
    int rc = msg ? give(r, m) : 0;
    if (rc == 0 && r->h && (rc = sp_cmsg_build(r->h, m)) < 0 && msg)
        sp_chunk_drop(sp_chunk_of(r->given));
    if (msg)
        return rc < 0 ? rc : len;
    if (rc == 0 && m->chunk && m->body_len > SMALL)
        sp_msg_move(&r->m, m);
    else if (rc == 0)
        scatter(r, m);
    return rc < 0 ? rc : len;
}

static int receive(int s, struct receiver *r, int flags)
{
    struct sp_sock *sock = sp_table_enter(s);
    if (!sock)
        return -EBADF;
    sp_msg_init(&r->m);
    int rc = sp_sock_recv(sock, flags, take, r);
    if (rc >= 0 && r->m.chunk)
        scatter(r, &r->m);
    sp_msg_drop(&r->m);
    sp_table_leave(s);
    return rc;
}

int nn_recv(int s, void *buf, size_t len, int flags)
{
    struct receiver r = {.buf = buf, .len = len};
    if (!buf && len)
        return result(-EFAULT);
    int rc = receive(s, &r, flags);
    if (rc >= 0 && len == NN_MSG)
        memcpy(buf, &r.given, sizeof r.given);
    return result(rc);
}

int nn_recvmsg(int s, struct nn_msghdr *msghdr, int flags)
{
    if (!msghdr)
        return result(-EINVAL);
    if (msghdr->msg_iovlen < 0)
        return result(-EMSGSIZE);
    if (msghdr->msg_iovlen && !msghdr->msg_iov)
        return result(-EFAULT);
    struct receiver r = {.h = msghdr};
    bool msg = msghdr->msg_iovlen == 1 && msghdr->msg_iov[0].iov_len == NN_MSG;
    for (int i = 0; i < msghdr->msg_iovlen; i++) {
        if (!msghdr->msg_iov[i].iov_base && msghdr->msg_iov[i].iov_len)
            return result(-EFAULT);
        if (!msg && msghdr->msg_iov[i].iov_len == NN_MSG)
            return result(-EINVAL);
    }
    r.len = msg ? NN_MSG : 0;
    int rc = receive(s, &r, flags);
    if (rc >= 0 && msg)
        memcpy(msghdr->msg_iov[0].iov_base, &r.given, sizeof r.given);
    return result(rc);
}
