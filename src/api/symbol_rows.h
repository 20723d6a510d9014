/* SPDX-License-Identifier: MIT */
/* The rows of nn_symbol: name, namespace, type, unit, as in NN_NS_, NN_TYPE_ and NN_UNIT_.
 *
 * Bindings of other languages load their constants from here, some of them by position, so a row
 * never moves: a new one is the last line of SP_SYMBOLS_OURS. tools/check_symbols says which
 * constant of a public header has none. */
#ifndef SP_API_SYMBOL_ROWS_H
#define SP_API_SYMBOL_ROWS_H

/* clang-format off */
/* nanomsg 1.1.5's, in its order. */
#define SP_SYMBOLS_NANOMSG(X)                                                                      \
    X(NN_NS_NAMESPACE, NAMESPACE, NONE, NONE)                                                      \
    X(NN_NS_VERSION, NAMESPACE, NONE, NONE)                                                        \
    X(NN_NS_DOMAIN, NAMESPACE, NONE, NONE)                                                         \
    X(NN_NS_TRANSPORT, NAMESPACE, NONE, NONE)                                                      \
    X(NN_NS_PROTOCOL, NAMESPACE, NONE, NONE)                                                       \
    X(NN_NS_OPTION_LEVEL, NAMESPACE, NONE, NONE)                                                   \
    X(NN_NS_SOCKET_OPTION, NAMESPACE, NONE, NONE)                                                  \
    X(NN_NS_TRANSPORT_OPTION, NAMESPACE, NONE, NONE)                                               \
    X(NN_NS_OPTION_TYPE, NAMESPACE, NONE, NONE)                                                    \
    X(NN_NS_OPTION_UNIT, NAMESPACE, NONE, NONE)                                                    \
    X(NN_NS_FLAG, NAMESPACE, NONE, NONE)                                                           \
    X(NN_NS_ERROR, NAMESPACE, NONE, NONE)                                                          \
    X(NN_NS_LIMIT, NAMESPACE, NONE, NONE)                                                          \
    X(NN_NS_EVENT, NAMESPACE, NONE, NONE)                                                          \
    X(NN_NS_STATISTIC, NAMESPACE, NONE, NONE)                                                      \
    X(NN_TYPE_NONE, OPTION_TYPE, NONE, NONE)                                                       \
    X(NN_TYPE_INT, OPTION_TYPE, NONE, NONE)                                                        \
    X(NN_TYPE_STR, OPTION_TYPE, NONE, NONE)                                                        \
    X(NN_UNIT_NONE, OPTION_UNIT, NONE, NONE)                                                       \
    X(NN_UNIT_BYTES, OPTION_UNIT, NONE, NONE)                                                      \
    X(NN_UNIT_MILLISECONDS, OPTION_UNIT, NONE, NONE)                                               \
    X(NN_UNIT_PRIORITY, OPTION_UNIT, NONE, NONE)                                                   \
    X(NN_UNIT_BOOLEAN, OPTION_UNIT, NONE, NONE)                                                    \
    X(NN_UNIT_COUNTER, OPTION_UNIT, NONE, NONE)                                                    \
    X(NN_UNIT_MESSAGES, OPTION_UNIT, NONE, NONE)                                                   \
    X(NN_VERSION_CURRENT, VERSION, NONE, NONE)                                                     \
    X(NN_VERSION_REVISION, VERSION, NONE, NONE)                                                    \
    X(NN_VERSION_AGE, VERSION, NONE, NONE)                                                         \
    X(AF_SP, DOMAIN, NONE, NONE)                                                                   \
    X(AF_SP_RAW, DOMAIN, NONE, NONE)                                                               \
    X(NN_INPROC, TRANSPORT, NONE, NONE)                                                            \
    X(NN_IPC, TRANSPORT, NONE, NONE)                                                               \
    X(NN_TCP, TRANSPORT, NONE, NONE)                                                               \
    X(NN_WS, TRANSPORT, NONE, NONE)                                                                \
    X(NN_PAIR, PROTOCOL, NONE, NONE)                                                               \
    X(NN_PUB, PROTOCOL, NONE, NONE)                                                                \
    X(NN_SUB, PROTOCOL, NONE, NONE)                                                                \
    X(NN_REP, PROTOCOL, NONE, NONE)                                                                \
    X(NN_REQ, PROTOCOL, NONE, NONE)                                                                \
    X(NN_PUSH, PROTOCOL, NONE, NONE)                                                               \
    X(NN_PULL, PROTOCOL, NONE, NONE)                                                               \
    X(NN_SURVEYOR, PROTOCOL, NONE, NONE)                                                           \
    X(NN_RESPONDENT, PROTOCOL, NONE, NONE)                                                         \
    X(NN_BUS, PROTOCOL, NONE, NONE)                                                                \
    X(NN_SOCKADDR_MAX, LIMIT, NONE, NONE)                                                          \
    X(NN_SOL_SOCKET, OPTION_LEVEL, NONE, NONE)                                                     \
    X(NN_LINGER, SOCKET_OPTION, INT, MILLISECONDS)                                                 \
    X(NN_SNDBUF, SOCKET_OPTION, INT, BYTES)                                                        \
    X(NN_RCVBUF, SOCKET_OPTION, INT, BYTES)                                                        \
    X(NN_RCVMAXSIZE, SOCKET_OPTION, INT, BYTES)                                                    \
    X(NN_SNDTIMEO, SOCKET_OPTION, INT, MILLISECONDS)                                               \
    X(NN_RCVTIMEO, SOCKET_OPTION, INT, MILLISECONDS)                                               \
    X(NN_RECONNECT_IVL, SOCKET_OPTION, INT, MILLISECONDS)                                          \
    X(NN_RECONNECT_IVL_MAX, SOCKET_OPTION, INT, MILLISECONDS)                                      \
    X(NN_SNDPRIO, SOCKET_OPTION, INT, PRIORITY)                                                    \
    X(NN_RCVPRIO, SOCKET_OPTION, INT, PRIORITY)                                                    \
    X(NN_SNDFD, SOCKET_OPTION, INT, NONE)                                                          \
    X(NN_RCVFD, SOCKET_OPTION, INT, NONE)                                                          \
    X(NN_DOMAIN, SOCKET_OPTION, INT, NONE)                                                         \
    X(NN_PROTOCOL, SOCKET_OPTION, INT, NONE)                                                       \
    X(NN_IPV4ONLY, SOCKET_OPTION, INT, BOOLEAN)                                                    \
    X(NN_SOCKET_NAME, SOCKET_OPTION, STR, NONE)                                                    \
    X(NN_MAXTTL, SOCKET_OPTION, INT, NONE)                                                         \
    X(NN_SUB_SUBSCRIBE, TRANSPORT_OPTION, STR, NONE)                                               \
    X(NN_SUB_UNSUBSCRIBE, TRANSPORT_OPTION, STR, NONE)                                             \
    X(NN_REQ_RESEND_IVL, TRANSPORT_OPTION, INT, MILLISECONDS)                                      \
    X(NN_SURVEYOR_DEADLINE, TRANSPORT_OPTION, INT, MILLISECONDS)                                   \
    X(NN_TCP_NODELAY, TRANSPORT_OPTION, INT, BOOLEAN)                                              \
    X(NN_WS_MSG_TYPE, TRANSPORT_OPTION, INT, NONE)                                                 \
    X(NN_DONTWAIT, FLAG, NONE, NONE)                                                               \
    X(NN_WS_MSG_TYPE_TEXT, FLAG, NONE, NONE)                                                       \
    X(NN_WS_MSG_TYPE_BINARY, FLAG, NONE, NONE)                                                     \
    X(NN_POLLIN, EVENT, NONE, NONE)                                                                \
    X(NN_POLLOUT, EVENT, NONE, NONE)                                                               \
    X(EADDRINUSE, ERROR, NONE, NONE)                                                               \
    X(EADDRNOTAVAIL, ERROR, NONE, NONE)                                                            \
    X(EAFNOSUPPORT, ERROR, NONE, NONE)                                                             \
    X(EAGAIN, ERROR, NONE, NONE)                                                                   \
    X(EBADF, ERROR, NONE, NONE)                                                                    \
    X(ECONNREFUSED, ERROR, NONE, NONE)                                                             \
    X(EFAULT, ERROR, NONE, NONE)                                                                   \
    X(EFSM, ERROR, NONE, NONE)                                                                     \
    X(EINPROGRESS, ERROR, NONE, NONE)                                                              \
    X(EINTR, ERROR, NONE, NONE)                                                                    \
    X(EINVAL, ERROR, NONE, NONE)                                                                   \
    X(EMFILE, ERROR, NONE, NONE)                                                                   \
    X(ENAMETOOLONG, ERROR, NONE, NONE)                                                             \
    X(ENETDOWN, ERROR, NONE, NONE)                                                                 \
    X(ENOBUFS, ERROR, NONE, NONE)                                                                  \
    X(ENODEV, ERROR, NONE, NONE)                                                                   \
    X(ENOMEM, ERROR, NONE, NONE)                                                                   \
    X(ENOPROTOOPT, ERROR, NONE, NONE)                                                              \
    X(ENOTSOCK, ERROR, NONE, NONE)                                                                 \
    X(ENOTSUP, ERROR, NONE, NONE)                                                                  \
    X(EPROTO, ERROR, NONE, NONE)                                                                   \
    X(EPROTONOSUPPORT, ERROR, NONE, NONE)                                                          \
    X(ETERM, ERROR, NONE, NONE)                                                                    \
    X(ETIMEDOUT, ERROR, NONE, NONE)                                                                \
    X(EACCES, ERROR, NONE, NONE)                                                                   \
    X(ECONNABORTED, ERROR, NONE, NONE)                                                             \
    X(ECONNRESET, ERROR, NONE, NONE)                                                               \
    X(EHOSTUNREACH, ERROR, NONE, NONE)                                                             \
    X(EMSGSIZE, ERROR, NONE, NONE)                                                                 \
    X(ENETRESET, ERROR, NONE, NONE)                                                                \
    X(ENETUNREACH, ERROR, NONE, NONE)                                                              \
    X(ENOTCONN, ERROR, NONE, NONE)                                                                 \
    X(NN_STAT_ESTABLISHED_CONNECTIONS, STATISTIC, INT, COUNTER)                                    \
    X(NN_STAT_ACCEPTED_CONNECTIONS, STATISTIC, INT, COUNTER)                                       \
    X(NN_STAT_DROPPED_CONNECTIONS, STATISTIC, INT, COUNTER)                                        \
    X(NN_STAT_BROKEN_CONNECTIONS, STATISTIC, INT, COUNTER)                                         \
    X(NN_STAT_CONNECT_ERRORS, STATISTIC, INT, COUNTER)                                             \
    X(NN_STAT_BIND_ERRORS, STATISTIC, INT, COUNTER)                                                \
    X(NN_STAT_ACCEPT_ERRORS, STATISTIC, INT, COUNTER)                                              \
    X(NN_STAT_MESSAGES_SENT, STATISTIC, INT, MESSAGES)                                             \
    X(NN_STAT_MESSAGES_RECEIVED, STATISTIC, INT, MESSAGES)                                         \
    X(NN_STAT_BYTES_SENT, STATISTIC, INT, BYTES)                                                   \
    X(NN_STAT_BYTES_RECEIVED, STATISTIC, INT, BYTES)                                               \
    X(NN_STAT_CURRENT_CONNECTIONS, STATISTIC, INT, NONE)                                           \
    X(NN_STAT_INPROGRESS_CONNECTIONS, STATISTIC, INT, NONE)                                        \
    X(NN_STAT_CURRENT_SND_PRIORITY, STATISTIC, INT, PRIORITY)                                      \
    X(NN_STAT_CURRENT_EP_ERRORS, STATISTIC, INT, NONE)

/* This library's. What has no namespace of nanomsg's is a flag. */
#define SP_SYMBOLS_OURS(X)                                                                         \
    X(NN_HANDSHAKE_TIMEO, SOCKET_OPTION, INT, MILLISECONDS)                                        \
    X(NN_MAX_PEERS, SOCKET_OPTION, INT, NONE)                                                      \
    X(NN_MAX_HANDSHAKES, SOCKET_OPTION, INT, NONE)                                                 \
    X(NN_ALLOW_PORT0, SOCKET_OPTION, INT, BOOLEAN)                                                 \
    X(NN_LAST_ENDPOINT, SOCKET_OPTION, STR, NONE)                                                  \
    X(NN_LAST_REASON, SOCKET_OPTION, STR, NONE)                                                    \
    X(NN_BUSY_POLL, SOCKET_OPTION, INT, NONE)                                                      \
    X(NN_GATHER, SOCKET_OPTION, INT, BYTES)                                                        \
    X(NN_PIPE_ID, FLAG, NONE, NONE)                                                                \
    X(NN_MODE_PLAIN, FLAG, NONE, NONE)                                                             \
    X(NN_MODE_USER, FLAG, NONE, NONE)                                                              \
    X(NN_MODE_KERNEL, FLAG, NONE, NONE)                                                            \
    X(NN_STAT_PROTOCOL, STATISTIC, INT, COUNTER)                                                   \
    X(NN_STAT_WRONG_KEY, STATISTIC, INT, COUNTER)                                                  \
    X(NN_STAT_UNKNOWN_IDENTITY, STATISTIC, INT, COUNTER)                                           \
    X(NN_STAT_NO_SUITE, STATISTIC, INT, COUNTER)                                                   \
    X(NN_STAT_TIMEOUT, STATISTIC, INT, COUNTER)                                                    \
    X(NN_STAT_OVERSIZE, STATISTIC, INT, COUNTER)                                                   \
    X(NN_STAT_LIMIT, STATISTIC, INT, COUNTER)                                                      \
    X(NN_STAT_REFUSED, STATISTIC, INT, COUNTER)                                                    \
    X(NN_STAT_CERTIFICATE, STATISTIC, INT, COUNTER)                                                \
    X(NN_STAT_TRUNCATED, STATISTIC, INT, COUNTER)                                                  \
    X(NN_STAT_MESSAGES_DROPPED_SEND, STATISTIC, INT, MESSAGES)                                     \
    X(NN_STAT_MESSAGES_DROPPED_RECV, STATISTIC, INT, MESSAGES)                                     \
    X(NN_STAT_HANDSHAKES, STATISTIC, INT, COUNTER)                                                 \
    X(NN_STAT_REKEYS_SENT, STATISTIC, INT, COUNTER)                                                \
    X(NN_STAT_REKEYS_RECEIVED, STATISTIC, INT, COUNTER)                                            \
    X(NN_STAT_RECORDS_SENT, STATISTIC, INT, COUNTER)                                               \
    X(NN_STAT_RECORDS_RECEIVED, STATISTIC, INT, COUNTER)                                           \
    X(NN_STAT_KERNEL_TX, STATISTIC, INT, NONE)                                                     \
    X(NN_STAT_KERNEL_RX, STATISTIC, INT, NONE)                                                     \
    X(NN_STAT_KERNEL_FALLBACKS, STATISTIC, INT, COUNTER)                                           \
    X(NN_TCP_MULTIPATH, TRANSPORT_OPTION, INT, NONE)                                               \
    X(NN_IPC_SEC_ATTR, TRANSPORT_OPTION, NONE, NONE)                                               \
    X(NN_IPC_OUTBUFSZ, TRANSPORT_OPTION, INT, BYTES)                                               \
    X(NN_IPC_INBUFSZ, TRANSPORT_OPTION, INT, BYTES)                                                \
    X(NN_IPC_MODE, TRANSPORT_OPTION, INT, NONE)                                                    \
    X(NN_IPC_OWNER, TRANSPORT_OPTION, INT, NONE)                                                   \
    X(NN_IPC_GROUP, TRANSPORT_OPTION, INT, NONE)                                                   \
    X(NN_IPC_PEER_CRED, FLAG, NONE, NONE)                                                          \
    X(NN_SUB_MAX_MEMORY, TRANSPORT_OPTION, INT, BYTES)                                             \
    X(NN_TLS, TRANSPORT, NONE, NONE)                                                               \
    X(NN_TLS_CONFIG, TRANSPORT_OPTION, INT, NONE)                                                  \
    X(NN_TLS_WRONG_KEYS, TRANSPORT_OPTION, INT, NONE)                                              \
    X(NN_TLS_WRONG_KEY_DELAY, TRANSPORT_OPTION, INT, MILLISECONDS)                                 \
    X(NN_TLS_PEER_ID, FLAG, NONE, NONE)                                                            \
    X(NN_TLS_PEER_CERT, FLAG, NONE, NONE)                                                          \
    X(NN_TLS_DIAL, FLAG, NONE, NONE)                                                               \
    X(NN_TLS_ACCEPT, FLAG, NONE, NONE)                                                             \
    X(NN_TLS_SHARED, FLAG, NONE, NONE)                                                             \
    X(NN_TLS_DROP_LIVE, FLAG, NONE, NONE)                                                          \
    X(NN_TLS_AUTH_PSK, FLAG, NONE, NONE)                                                           \
    X(NN_TLS_AUTH_CERT, FLAG, NONE, NONE)                                                          \
    X(NN_TLS_AUTH_EITHER, FLAG, NONE, NONE)                                                        \
    X(NN_TLS_OFFLOAD_OFF, FLAG, NONE, NONE)                                                        \
    X(NN_TLS_OFFLOAD_AUTO, FLAG, NONE, NONE)                                                       \
    X(NN_TLS_OFFLOAD_REQUIRE, FLAG, NONE, NONE)                                                    \
    X(NN_TLS_VERIFY_NONE, FLAG, NONE, NONE)                                                        \
    X(NN_TLS_VERIFY_OPTIONAL, FLAG, NONE, NONE)                                                    \
    X(NN_TLS_VERIFY_REQUIRED, FLAG, NONE, NONE)                                                    \
    X(NN_TLS_1_2, FLAG, NONE, NONE)                                                                \
    X(NN_TLS_1_3, FLAG, NONE, NONE)                                                                \
    X(NN_TLS_KEY_MIN, LIMIT, NONE, BYTES)                                                          \
    X(NN_TLS_KEY_MAX, LIMIT, NONE, BYTES)                                                          \
    X(NN_TLS_ID_MAX, LIMIT, NONE, BYTES)
/* clang-format on */

#endif
