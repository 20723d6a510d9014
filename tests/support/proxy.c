/* SPDX-License-Identifier: MIT */
/* Bytes are gathered per direction until a whole record is there. What is no TLS (an end in mid-record) is passed on as
 * it is when its side ends. */
#include "proxy.h"
#include "rawpeer.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 3 /* how often the thread looks whether it shall stop */

struct flow {
    uint8_t b[RP_RECORD_MAX];
    size_t have;
    int n;    /* records */
    bool end; /* its reader saw the end */
};

void rp_proxy_put(struct rp_proxy *p, enum rp_way way, const void *b, size_t n)
{
    (void)rp_send(p->fd[way], b, n); /* who is gone gets nothing */
}

/* Hands over the records that are whole. */
static bool flow_records(struct rp_proxy *p, enum rp_way way, struct flow *f)
{
    for (;;) {
        size_t len = f->have < 5 ? SIZE_MAX : 5 + ((size_t)f->b[3] << 8 | f->b[4]);
        if (len > sizeof f->b && f->have >= 5)
            return false;
        if (f->have < len)
            return true;
        uint8_t record[RP_RECORD_MAX];
        memcpy(record, f->b, len);
        f->have -= len;
        memmove(f->b, f->b + len, f->have);
        if (!p->fn)
            rp_proxy_put(p, way, record, len);
        else if (!p->fn(p, way, f->n, record, len))
            return false;
        f->n++;
    }
}

/* Reads what is there. False: both are to be closed. */
static bool flow_read(struct rp_proxy *p, enum rp_way way, struct flow *f)
{
    ssize_t k = recv(p->fd[!way], f->b + f->have, sizeof f->b - f->have, 0);
    if (k < 0)
        return errno == EAGAIN || errno == EINTR;
    if (k > 0) {
        atomic_fetch_add(&p->bytes[way], (size_t)k);
        f->have += (size_t)k;
        return flow_records(p, way, f);
    }
    f->end = true;
    rp_proxy_put(p, way, f->b, f->have);
    (void)shutdown(p->fd[way], SHUT_WR);
    return true;
}

/* Carries one connection until it is over. */
static void carry(struct rp_proxy *p)
{
    struct flow *f = calloc(2, sizeof *f);
    int64_t last = rp_now();
    if (!f)
        abort();
    while (!atomic_load(&p->stop) && !(f[0].end && f[1].end)) {
        struct pollfd w[2];
        for (int i = 0; i < 2; i++)
            w[i] = (struct pollfd){.fd = f[i].end ? -1 : p->fd[!i], .events = POLLIN};
        int n = poll(w, 2, LOOK_MS);
        if (n > 0)
            last = rp_now();
        else if (p->quiet_ms && p->armed && rp_now() - last >= p->quiet_ms)
            break;
        bool on = true;
        for (int i = 0; i < 2 && n > 0; i++)
            on = on && (!w[i].revents || flow_read(p, (enum rp_way)i, &f[i]));
        if (!on)
            break;
    }
    free(f);
}

static void *proxy_main(void *arg)
{
    struct rp_proxy *p = arg;
    while (!atomic_load(&p->stop)) {
        int fd = rp_accept(p->listener, LOOK_MS);
        if (fd < 0)
            continue;
        if (p->most && atomic_load(&p->n) >= p->most) {
            close(fd);
            continue;
        }
        atomic_fetch_add(&p->n, 1);
        p->fd[RP_DOWN] = fd;
        p->fd[RP_UP] = rp_connect(p->target);
        carry(p);
        close(p->fd[RP_DOWN]);
        close(p->fd[RP_UP]);
        atomic_fetch_add(&p->done, 1);
    }
    return NULL;
}

void rp_proxy_start(struct rp_proxy *p)
{
    p->listener = rp_listen(&p->port);
    if (pthread_create(&p->thread, NULL, proxy_main, p))
        abort();
}

void rp_proxy_stop(struct rp_proxy *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    close(p->listener);
}
