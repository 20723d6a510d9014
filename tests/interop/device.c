/* SPDX-License-Identifier: MIT */
/* device PROTOCOL ADDRESS PROTOCOL ADDRESS: binds two raw sockets and passes messages between them
 * until it is killed; with one protocol and address, from that socket back to itself. */
#include <nanomsg/bus.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/survey.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int id;
} protocols[] = {{"pair", NN_PAIR},         {"req", NN_REQ},
                 {"rep", NN_REP},           {"pub", NN_PUB},
                 {"sub", NN_SUB},           {"push", NN_PUSH},
                 {"pull", NN_PULL},         {"bus", NN_BUS},
                 {"surveyor", NN_SURVEYOR}, {"respondent", NN_RESPONDENT}};

static void failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
    exit(1);
}

static int bound(const char *protocol, const char *address)
{
    size_t i = 0;
    while (i < sizeof protocols / sizeof *protocols - 1 && strcmp(protocols[i].name, protocol) != 0)
        i++;
    int s = nn_socket(AF_SP_RAW, protocols[i].id);
    if (s < 0)
        failed(protocol);
    if (protocols[i].id == NN_SUB)
        nn_setsockopt(s, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    if (nn_bind(s, address) < 0)
        failed(address);
    return s;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        return 2;
    int s1 = bound(argv[1], argv[2]);
    nn_device(s1, argc == 5 ? bound(argv[3], argv[4]) : -1);
    failed("nn_device");
}
