/* SPDX-License-Identifier: MIT */
/* The composition root: which protocols and transports this build has. A new one is a line here. */
#include "../core/life.h"
#include "../core/protocol.h"
#include "../core/transport.h"

extern const struct sp_protocol sp_req, sp_req_raw, sp_rep, sp_rep_raw, sp_pub, sp_pub_raw, sp_sub,
    sp_sub_raw;
extern const struct sp_protocol sp_push, sp_push_raw, sp_pull, sp_pull_raw, sp_pair, sp_pair_raw;
extern const struct sp_protocol sp_surveyor, sp_surveyor_raw, sp_respondent, sp_respondent_raw;
extern const struct sp_protocol sp_bus, sp_bus_raw;
extern const struct sp_transport sp_ws;
extern const struct sp_optlevel sp_ws_opts;
extern const struct sp_transport sp_tcp, sp_ipc, sp_inproc;
extern const struct sp_optlevel sp_tcp_opts, sp_ipc_opts;
#ifdef __linux__
extern const struct sp_transport sp_abstract;
#endif
#if NANOSEAL_TLS
extern const struct sp_transport sp_tls_psk, sp_tls_tcp, sp_wss;
extern const struct sp_optlevel sp_tls_opts;
void sp_tls_child(void);
void sp_scratch_fini(void);
#endif

const struct sp_protocol *const sp_protocols[] = {
    &sp_req,  &sp_req_raw,  &sp_rep,      &sp_rep_raw,      &sp_pub,        &sp_pub_raw,
    &sp_sub,  &sp_sub_raw,  &sp_push,     &sp_push_raw,     &sp_pull,       &sp_pull_raw,
    &sp_pair, &sp_pair_raw, &sp_surveyor, &sp_surveyor_raw, &sp_respondent, &sp_respondent_raw,
    &sp_bus,  &sp_bus_raw,  NULL,
};

const struct sp_transport *const sp_transports[] = {
    &sp_tcp,
    &sp_ws,
    &sp_ipc,
    &sp_inproc,
#ifdef __linux__
    &sp_abstract,
#endif
#if NANOSEAL_TLS
    &sp_tls_psk,
    &sp_tls_tcp,
    &sp_wss,
#endif
    NULL,
};

const struct sp_optlevel *const sp_optlevels[] = {
    &sp_tcp_opts,
    &sp_ws_opts,
    &sp_ipc_opts,
#if NANOSEAL_TLS
    &sp_tls_opts,
#endif
    NULL,
};

void sp_stream_child(void);
void sp_inproc_child(void);
void sp_policy_child(void);
void sp_policy_term(void);

void (*const sp_child_hooks[])(void) = {
    sp_stream_child,
    sp_inproc_child,
    sp_policy_child,
#if NANOSEAL_TLS
    sp_tls_child,
#endif
    NULL,
};

void (*const sp_term_hooks[])(void) = {
    sp_policy_term,
#if NANOSEAL_TLS
    sp_scratch_fini,
#endif
    NULL,
};
