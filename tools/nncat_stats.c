/* SPDX-License-Identifier: MIT */
/* --stats: the counters that are not 0, why the last connection ended, and the peers. */

#include "nncat.h"

#include <ctype.h>
#include <nanomsg/nanoseal.h>
#include <nanomsg/tls.h>

static const struct {
    int id;           /* NN_STAT_* */
    const char *text; /* what it counts */
} stats_rows[] = {
    {NN_STAT_ESTABLISHED_CONNECTIONS, "connections made"},
    {NN_STAT_ACCEPTED_CONNECTIONS, "connections accepted"},
    {NN_STAT_CURRENT_CONNECTIONS, "connections now"},
    {NN_STAT_DROPPED_CONNECTIONS, "connections closed here"},
    {NN_STAT_BROKEN_CONNECTIONS, "connections lost"},
    {NN_STAT_CONNECT_ERRORS, "connects that failed"},
    {NN_STAT_ACCEPT_ERRORS, "accepts that failed"},
    {NN_STAT_PROTOCOL, "failed: not the protocol"},
    {NN_STAT_WRONG_KEY, "failed: wrong key"},
    {NN_STAT_UNKNOWN_IDENTITY, "failed: unknown identity"},
    {NN_STAT_NO_SUITE, "failed: no common suite"},
    {NN_STAT_TIMEOUT, "failed: time-out"},
    {NN_STAT_OVERSIZE, "failed: message too large"},
    {NN_STAT_LIMIT, "failed: limit reached"},
    {NN_STAT_REFUSED, "failed: refused"},
    {NN_STAT_CERTIFICATE, "failed: certificate"},
    {NN_STAT_TRUNCATED, "failed: cut off"},
    {NN_STAT_MESSAGES_SENT, "messages sent"},
    {NN_STAT_MESSAGES_RECEIVED, "messages received"},
    {NN_STAT_BYTES_SENT, "bytes sent"},
    {NN_STAT_BYTES_RECEIVED, "bytes received"},
    {NN_STAT_MESSAGES_DROPPED_SEND, "messages dropped, sending"},
    {NN_STAT_MESSAGES_DROPPED_RECV, "messages dropped, receiving"},
    {NN_STAT_HANDSHAKES, "TLS handshakes"},
    {NN_STAT_REKEYS_SENT, "TLS rekeys sent"},
    {NN_STAT_REKEYS_RECEIVED, "TLS rekeys received"},
    {NN_STAT_RECORDS_SENT, "TLS records sent"},
    {NN_STAT_RECORDS_RECEIVED, "TLS records received"},
};

static const char *stats_suite(int suite)
{
    return suite == 0x1301   ? "TLS_AES_128_GCM_SHA256"
           : suite == 0x1302 ? "TLS_AES_256_GCM_SHA384"
           : suite == 0x1303 ? "TLS_CHACHA20_POLY1305_SHA256"
                             : "another suite";
}

static void stats_pipe(const struct nn_pipe_info *p)
{
    fprintf(stderr, "nncat: pipe %u %s", (unsigned)p->id, p->address);
    if (p->identity_len) {
        fputs(" identity ", stderr);
        for (size_t i = 0; i < p->identity_len; i++)
            putc(isprint(p->identity[i]) ? p->identity[i] : '?', stderr);
    }
    if (p->version)
        fprintf(stderr, " TLS 1.%d %s", (p->version & 0xff) - 1, stats_suite(p->suite));
    fprintf(stderr, " sent %llu received %llu messages, dropped %llu\n",
            (unsigned long long)p->messages_sent, (unsigned long long)p->messages_received,
            (unsigned long long)p->drops);
}

void nncat_stats(const struct cat *c)
{
    static struct nn_pipe_info pipes[CAT_MAX] = {{.size = sizeof pipes[0]}};
    char why[512] = "";
    size_t len = sizeof why - 1;
    for (size_t i = 0; i < sizeof stats_rows / sizeof stats_rows[0]; i++) {
        uint64_t v = nn_get_statistic(c->s, stats_rows[i].id);
        if (v && v != UINT64_MAX)
            fprintf(stderr, "nncat: %-28s %llu\n", stats_rows[i].text, (unsigned long long)v);
    }
    if (nn_getsockopt(c->s, NN_SOL_SOCKET, NN_LAST_REASON, why, &len) == 0 && why[0])
        fprintf(stderr, "nncat: last reason: %s\n", why);
    int n = nn_pipes(c->s, pipes, CAT_MAX);
    for (int i = 0; i < n && i < CAT_MAX; i++)
        stats_pipe(&pipes[i]);
}
