/* SPDX-License-Identifier: MIT */

/* A program that uses nanoseal as installed: one request and its reply over tcp, in one process.
 * With WITH_MBEDTLS it also calls the system's own mbedTLS, before and after, which must not mix
 * with the one inside libnanoseal.a. */

#include <nanomsg/nanoseal.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tls.h>
#include <stdio.h>
#include <string.h>

#ifdef WITH_MBEDTLS
#include <mbedtls/version.h>
#include <psa/crypto.h>

/* The system's library answers with the version of the system's header, and works. */
static int consumer_mbedtls(void)
{
    char version[16];
    mbedtls_version_get_string(version);
    unsigned char random[16];
    return strcmp(version, MBEDTLS_VERSION_STRING) == 0 && psa_crypto_init() == PSA_SUCCESS &&
           psa_generate_random(random, sizeof random) == PSA_SUCCESS;
}
#else
static int consumer_mbedtls(void)
{
    return 1;
}
#endif

static int consumer_say(int s, const char *text)
{
    return nn_send(s, text, strlen(text), 0) == (int)strlen(text);
}

static int consumer_hear(int s, const char *text)
{
    char buf[64];
    int len = nn_recv(s, buf, sizeof buf, 0);
    return len == (int)strlen(text) && memcmp(buf, text, strlen(text)) == 0;
}

/* Both sockets' time-outs are set, so that a defect fails here rather than hangs. */
static int consumer_talk(int rep, int req)
{
    int timeout = 10000, on = 1;
    char address[128];
    size_t len = sizeof address;
    for (int s = 0; s < 2; s++) {
        if (nn_setsockopt(s ? rep : req, NN_SOL_SOCKET, NN_RCVTIMEO, &timeout, sizeof timeout))
            return 0;
    }
    return nn_setsockopt(rep, NN_SOL_SOCKET, NN_ALLOW_PORT0, &on, sizeof on) == 0 &&
           nn_bind(rep, "tcp://127.0.0.1:0") >= 0 &&
           nn_getsockopt(rep, NN_SOL_SOCKET, NN_LAST_ENDPOINT, address, &len) == 0 &&
           nn_connect(req, address) >= 0 && consumer_say(req, "ping") &&
           consumer_hear(rep, "ping") && consumer_say(rep, "pong") && consumer_hear(req, "pong");
}

/* A TLS configuration can be made: whatever cryptography is inside gets started. */
static int consumer_tls(void)
{
    int tls = nn_tls_create();
    return tls > 0 && nn_tls_destroy(tls) == 0;
}

int main(void)
{
    int rep = nn_socket(AF_SP, NN_REP);
    int req = nn_socket(AF_SP, NN_REQ);
    int ok = rep >= 0 && req >= 0 && consumer_mbedtls() && consumer_talk(rep, req) &&
             consumer_tls() && consumer_mbedtls();
    if (!ok)
        fprintf(stderr, "consumer: %s\n", nn_strerror(nn_errno()));
    nn_close(req);
    nn_close(rep);
    return ok ? 0 : 1;
}
