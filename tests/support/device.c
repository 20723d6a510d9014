/* SPDX-License-Identifier: MIT */
#include "device.h"
#include "stress.h"
#include <errno.h>
#include <nanomsg/bus.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>

#define PATIENCE_MS 60000

const struct dv_pair dv_pairs[] = {
    {"req", NN_REQ, NN_REP, true, true},
    {"push", NN_PUSH, NN_PULL, false, true},
    {"pair", NN_PAIR, NN_PAIR, true, true},
    {"pub", NN_PUB, NN_SUB, false, false},
    {"surveyor", NN_SURVEYOR, NN_RESPONDENT, true, false},
    {"bus", NN_BUS, NN_BUS, true, false},
};
const int dv_n_pairs = sizeof dv_pairs / sizeof *dv_pairs;

int dv_raw(int protocol)
{
    int s = nn_socket(AF_SP_RAW, protocol), ms = 20, one = 1;
    if (s < 0)
        return -1;
    if (nn_setsockopt(s, NN_SOL_SOCKET, NN_RECONNECT_IVL, &ms, sizeof ms) < 0 ||
        nn_setsockopt(s, NN_SOL_SOCKET, NN_ALLOW_PORT0, &one, sizeof one) < 0 ||
        (protocol == NN_SUB && nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0) < 0)) {
        nn_close(s);
        return -1;
    }
    return s;
}

static void *device_main(void *arg)
{
    struct dv *d = arg;
    errno = 0;
    d->rc = nn_device(d->s1, d->s2);
    d->err = nn_errno();
    atomic_store(&d->done, true);
    return NULL;
}

int dv_start(struct dv *d, int s1, int s2)
{
    d->s1 = s1;
    d->s2 = s2;
    atomic_init(&d->done, false);
    return pthread_create(&d->thread, NULL, device_main, d) ? -1 : 0;
}

int dv_join(struct dv *d)
{
    st_within(PATIENCE_MS, pthread_join(d->thread, NULL));
    return d->rc == -1 ? d->err : 0;
}

int dv_stop(struct dv *d)
{
    nn_close(d->s1);
    nn_close(d->s2);
    return dv_join(d);
}
