/* SPDX-License-Identifier: MIT */
/* Sockets that exchange whole messages, with nanomsg's names and numbers.
 *
 * Unless said otherwise a function returns -1 when it fails and leaves the reason in errno, every
 * function may be called by any thread at any time, and times are in milliseconds. In the comments
 * "takes" means that memory changes hands to the library, "gives" that it changes hands to the
 * caller, "borrows" that it is used until the function returns and no longer. */
#ifndef NN_H_INCLUDED
#define NN_H_INCLUDED

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every public function is declared with this; the library exports nothing else. */
#if !defined(NN_EXPORT)
#if defined(__GNUC__)
#define NN_EXPORT extern __attribute__((visibility("default")))
#else
#define NN_EXPORT extern
#endif
#endif

/* The interface of nanomsg that this library has; its own version is in nanoseal.h. */
#define NN_VERSION_CURRENT 5
#define NN_VERSION_REVISION 1
#define NN_VERSION_AGE 0

/* ---- Errors ---------------------------------------------------------------------------------- */

/* Where the error numbers begin that POSIX has no name for. */
#define NN_HAUSNUMERO 156384712

#ifndef ENOTSUP
#define ENOTSUP (NN_HAUSNUMERO + 1)
#endif
#ifndef EPROTONOSUPPORT
#define EPROTONOSUPPORT (NN_HAUSNUMERO + 2)
#endif
#ifndef ENOBUFS
#define ENOBUFS (NN_HAUSNUMERO + 3)
#endif
#ifndef ENETDOWN
#define ENETDOWN (NN_HAUSNUMERO + 4)
#endif
#ifndef EADDRINUSE
#define EADDRINUSE (NN_HAUSNUMERO + 5)
#endif
#ifndef EADDRNOTAVAIL
#define EADDRNOTAVAIL (NN_HAUSNUMERO + 6)
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED (NN_HAUSNUMERO + 7)
#endif
#ifndef EINPROGRESS
#define EINPROGRESS (NN_HAUSNUMERO + 8)
#endif
#ifndef ENOTSOCK
#define ENOTSOCK (NN_HAUSNUMERO + 9)
#endif
#ifndef EAFNOSUPPORT
#define EAFNOSUPPORT (NN_HAUSNUMERO + 10)
#endif
#ifndef EPROTO
#define EPROTO (NN_HAUSNUMERO + 11)
#endif
#ifndef EAGAIN
#define EAGAIN (NN_HAUSNUMERO + 12)
#endif
#ifndef EBADF
#define EBADF (NN_HAUSNUMERO + 13)
#endif
#ifndef EINVAL
#define EINVAL (NN_HAUSNUMERO + 14)
#endif
#ifndef EMFILE
#define EMFILE (NN_HAUSNUMERO + 15)
#endif
#ifndef EFAULT
#define EFAULT (NN_HAUSNUMERO + 16)
#endif
#ifndef EACCES
#define EACCES (NN_HAUSNUMERO + 17)
#endif
#ifndef EACCESS
#define EACCESS (EACCES)
#endif
#ifndef ENETRESET
#define ENETRESET (NN_HAUSNUMERO + 18)
#endif
#ifndef ENETUNREACH
#define ENETUNREACH (NN_HAUSNUMERO + 19)
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH (NN_HAUSNUMERO + 20)
#endif
#ifndef ENOTCONN
#define ENOTCONN (NN_HAUSNUMERO + 21)
#endif
#ifndef EMSGSIZE
#define EMSGSIZE (NN_HAUSNUMERO + 22)
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT (NN_HAUSNUMERO + 23)
#endif
#ifndef ECONNABORTED
#define ECONNABORTED (NN_HAUSNUMERO + 24)
#endif
#ifndef ECONNRESET
#define ECONNRESET (NN_HAUSNUMERO + 25)
#endif
#ifndef ENOPROTOOPT
#define ENOPROTOOPT (NN_HAUSNUMERO + 26)
#endif
#ifndef EISCONN
#define EISCONN (NN_HAUSNUMERO + 27)
#endif
#ifndef ESOCKTNOSUPPORT
#define ESOCKTNOSUPPORT (NN_HAUSNUMERO + 28)
#endif

/* Errors of this library's own. */
#ifndef ETERM
#define ETERM (NN_HAUSNUMERO + 53) /* nn_term was called */
#endif
#ifndef EFSM
#define EFSM (NN_HAUSNUMERO + 54) /* the socket can't do this in its present state */
#endif

/* The calling thread's errno. */
NN_EXPORT int nn_errno(void);

/* A sentence for an error number of the system's or of this library's. Never NULL; the text belongs
 * to the library and is not to be freed. */
NN_EXPORT const char *nn_strerror(int errnum);

/* ---- Names for what symbols are --------------------------------------------------------------- */

#define NN_NS_NAMESPACE 0
#define NN_NS_VERSION 1
#define NN_NS_DOMAIN 2
#define NN_NS_TRANSPORT 3
#define NN_NS_PROTOCOL 4
#define NN_NS_OPTION_LEVEL 5
#define NN_NS_SOCKET_OPTION 6
#define NN_NS_TRANSPORT_OPTION 7
#define NN_NS_OPTION_TYPE 8
#define NN_NS_OPTION_UNIT 9
#define NN_NS_FLAG 10
#define NN_NS_ERROR 11
#define NN_NS_LIMIT 12
#define NN_NS_EVENT 13
#define NN_NS_STATISTIC 14

#define NN_TYPE_NONE 0
#define NN_TYPE_INT 1
#define NN_TYPE_STR 2

#define NN_UNIT_NONE 0
#define NN_UNIT_BYTES 1
#define NN_UNIT_MILLISECONDS 2
#define NN_UNIT_PRIORITY 3
#define NN_UNIT_BOOLEAN 4
#define NN_UNIT_MESSAGES 5
#define NN_UNIT_COUNTER 6

/* A constant of these headers. */
struct nn_symbol_properties {
    int value;        /* of the constant */
    const char *name; /* as in the header; belongs to the library */
    int ns;           /* what it is, NN_NS_*; NN_NS_NAMESPACE for the namespaces themselves */
    int type;         /* NN_TYPE_* of an option's or statistic's value */
    int unit;         /* NN_UNIT_* of it */
};

/* The constants of these headers by position, from 0: nanomsg's first, in its order. Gives the name,
 * which belongs to the library, and in *value the value unless value is NULL. NULL with errno EINVAL
 * past the last. */
NN_EXPORT const char *nn_symbol(int i, int *value);

/* Fills *buf, at most buflen bytes of it, and returns how many; 0 past the last. */
NN_EXPORT int nn_symbol_info(int i, struct nn_symbol_properties *buf, int buflen);

/* ---- The end ----------------------------------------------------------------------------------- */

/* Closes every socket: calls on them, also those that wait now, fail with EBADF, and nn_socket fails
 * with ETERM from here on. Waits while what nn_send accepted leaves, at most NN_LINGER. May be
 * called again. */
NN_EXPORT void nn_term(void);

/* ---- Message memory ----------------------------------------------------------------------------- */

/* As a length it says: the buffer is a pointer to a message of nn_allocmsg. */
#define NN_MSG ((size_t)-1)

/* Gives a message of size bytes, uninitialised. type is 0. It is freed by nn_freemsg or taken by a
 * send with NN_MSG that succeeds. NULL with errno EINVAL (type) or ENOMEM. */
NN_EXPORT void *nn_allocmsg(size_t size, int type);

/* Takes msg and gives a message of size bytes that begins with the same content; when it shrinks
 * the pointer stays the same. On failure msg stays the caller's: NULL with errno ENOMEM. */
NN_EXPORT void *nn_reallocmsg(void *msg, size_t size);

/* Takes a message of nn_allocmsg, or one received with NN_MSG. Errors: EFAULT (no message). */
NN_EXPORT int nn_freemsg(void *msg);

struct nn_iovec {
    void *iov_base; /* bytes, or with NN_MSG the address of a message pointer */
    size_t iov_len; /* their number, or NN_MSG */
};

struct nn_msghdr {
    struct nn_iovec *msg_iov; /* the body in pieces */
    int msg_iovlen;           /* how many pieces; with NN_MSG exactly 1 */
    void *msg_control;        /* control messages, or with NN_MSG the address of a pointer to them */
    size_t msg_controllen;    /* their bytes, or NN_MSG */
};

/* What precedes each control message; its data follow it. */
struct nn_cmsghdr {
    size_t cmsg_len; /* header and data, without padding */
    int cmsg_level;  /* PROTO_SP, or an option level */
    int cmsg_type;   /* SP_HDR, or a number within that level */
};

/* The control message after cmsg, or the first for NULL. NULL when there is none. Use
 * NN_CMSG_FIRSTHDR and NN_CMSG_NXTHDR. */
NN_EXPORT struct nn_cmsghdr *nn_cmsg_nxthdr_(const struct nn_msghdr *mhdr,
                                             const struct nn_cmsghdr *cmsg);

#define NN_CMSG_ALIGN_(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define NN_CMSG_FIRSTHDR(mhdr) nn_cmsg_nxthdr_((struct nn_msghdr *)(mhdr), NULL)
#define NN_CMSG_NXTHDR(mhdr, cmsg)                                                                 \
    nn_cmsg_nxthdr_((struct nn_msghdr *)(mhdr), (struct nn_cmsghdr *)(cmsg))
#define NN_CMSG_DATA(cmsg) ((unsigned char *)(((struct nn_cmsghdr *)(cmsg)) + 1))
/* Room that a control message of len data bytes needs, and what its cmsg_len is. */
#define NN_CMSG_SPACE(len) (NN_CMSG_ALIGN_(len) + NN_CMSG_ALIGN_(sizeof(struct nn_cmsghdr)))
#define NN_CMSG_LEN(len) (NN_CMSG_ALIGN_(sizeof(struct nn_cmsghdr)) + (len))

/* The control message that carries a raw socket's protocol header (its data: size_t, then bytes). */
#define PROTO_SP 1
#define SP_HDR 1

/* ---- Sockets ------------------------------------------------------------------------------------ */

#define AF_SP 1     /* a socket that does its protocol's work */
#define AF_SP_RAW 2 /* one that leaves the protocol header to the application (devices) */

#define NN_SOCKADDR_MAX 128 /* bytes of an address, its final NUL included */

/* Option levels: 0 all sockets, a protocol's number for its own, negative for transports. */
#define NN_SOL_SOCKET 0

/* Options at NN_SOL_SOCKET: int values unless said otherwise. docs/OPTIONS.md has ranges. */
#define NN_LINGER 1            /* ms that accepted messages may go on leaving after nn_close */
#define NN_SNDBUF 2            /* bytes */
#define NN_RCVBUF 3            /* bytes */
#define NN_SNDTIMEO 4          /* ms, negative: for ever */
#define NN_RCVTIMEO 5          /* ms, negative: for ever */
#define NN_RECONNECT_IVL 6     /* ms */
#define NN_RECONNECT_IVL_MAX 7 /* ms, 0: the interval does not grow */
#define NN_SNDPRIO 8           /* 1 (first) to 16; of later nn_bind and nn_connect */
#define NN_RCVPRIO 9           /* 1 (first) to 16; of later nn_bind and nn_connect */
#define NN_SNDFD 10            /* get only: descriptor, readable when nn_send would not wait */
#define NN_RCVFD 11            /* get only: descriptor, readable when nn_recv would not wait */
#define NN_DOMAIN 12           /* get only: AF_SP or AF_SP_RAW */
#define NN_PROTOCOL 13         /* get only: NN_REQ and so on */
#define NN_IPV4ONLY 14         /* 1: no IPv6 */
#define NN_SOCKET_NAME 15      /* string of at most 63 bytes, for diagnostics */
#define NN_RCVMAXSIZE 16       /* bytes of the largest message accepted, -1: any */
#define NN_MAXTTL 17           /* hops, 1 to 255, that a message may have made */

/* Flag of the sending and receiving functions: fail with EAGAIN rather than wait. */
#define NN_DONTWAIT 1

/* A new socket: domain is AF_SP or AF_SP_RAW, protocol NN_REQ and so on. The lowest free number from
 * 0. Errors: EAFNOSUPPORT, EINVAL (unknown protocol), EMFILE, ENOMEM, ETERM. */
NN_EXPORT int nn_socket(int domain, int protocol);

/* Closes a socket, at once; whoever waits in it gets EBADF. What nn_send accepted goes on leaving in
 * the background for at most NN_LINGER. Errors: EBADF. */
NN_EXPORT int nn_close(int s);

/* Sets an option; borrows the optvallen bytes at optval. Errors: EBADF, ENOPROTOOPT (unknown, or
 * can't be set), EINVAL (length or value), EMSGSIZE or ENOSPC (topics), EFAULT, ENOMEM. */
NN_EXPORT int nn_setsockopt(int s, int level, int option, const void *optval, size_t optvallen);

/* Reads an option into optval, at most *optvallen bytes, and sets *optvallen to the option's size,
 * which may be more. Errors: EBADF, ENOPROTOOPT, EFAULT. */
NN_EXPORT int nn_getsockopt(int s, int level, int option, void *optval, size_t *optvallen);

/* Accepts peers at addr, a borrowed string like "tcp://127.0.0.1:5555". Returns the endpoint's id,
 * from 1. Errors: EBADF, EINVAL (form), ENAMETOOLONG, EPROTONOSUPPORT (scheme), ENODEV (no such
 * interface), EADDRNOTAVAIL, EADDRINUSE, EACCES (a TLS scheme without NN_TLS_CONFIG), EMFILE,
 * ENOMEM. */
NN_EXPORT int nn_bind(int s, const char *addr);

/* Connects to addr in the background, and again whenever the connection is lost. Returns the
 * endpoint's id. That nobody listens yet is no error; NN_LAST_REASON tells. Errors: as nn_bind. */
NN_EXPORT int nn_connect(int s, const char *addr);

/* Removes the endpoint whose id is how, and its connections. Errors: EBADF, EINVAL (no such id). */
NN_EXPORT int nn_shutdown(int s, int how);

/* Sends len bytes at buf as one message (borrowed), or with len NN_MSG takes the message whose
 * pointer is at buf; when it fails the message stays the caller's. Returns the message's bytes.
 * Errors: EBADF, EAGAIN (NN_DONTWAIT), ETIMEDOUT (NN_SNDTIMEO), EINTR (a signal handler ran), EFSM
 * (no request to answer), ENOTSUP (not for this protocol), EFAULT, EMSGSIZE, ENOMEM. */
NN_EXPORT int nn_send(int s, const void *buf, size_t len, int flags);

/* Receives one message into the len bytes at buf, or with len NN_MSG gives it: buf is the address of
 * a pointer, and the message is freed with nn_freemsg. Returns the message's bytes, which may be
 * more than were copied. Errors: EBADF, EAGAIN, ETIMEDOUT (NN_RCVTIMEO), EINTR, EFSM (no request was
 * sent), ENOTSUP, EFAULT, ENOMEM. */
NN_EXPORT int nn_recv(int s, void *buf, size_t len, int flags);

/* nn_send from several pieces and with control messages. With NN_MSG in msg_controllen takes those
 * too. Errors: as nn_send. */
NN_EXPORT int nn_sendmsg(int s, const struct nn_msghdr *msghdr, int flags);

/* nn_recv into several pieces and with control messages: into the msg_controllen bytes at
 * msg_control, of which those left over become zero; or with NN_MSG gives them at
 * *(void **)msg_control, to be freed with nn_freemsg. Errors: as nn_recv. */
NN_EXPORT int nn_recvmsg(int s, struct nn_msghdr *msghdr, int flags);

/* ---- Waiting for several sockets ----------------------------------------------------------------- */

#define NN_POLLIN 1
#define NN_POLLOUT 2

struct nn_pollfd {
    int fd;        /* socket */
    short events;  /* NN_POLLIN, NN_POLLOUT: what is asked */
    short revents; /* what is so */
};

/* Waits until one of nfds sockets is as asked, at most timeout ms (negative: for ever). Returns how
 * many are, 0 when the time is over (revents is then left as it was). Errors: EBADF, ENOPROTOOPT (a
 * direction that the protocol lacks), EINTR, EFAULT, EINVAL, ENOMEM. */
NN_EXPORT int nn_poll(struct nn_pollfd *fds, int nfds, int timeout);

/* ---- Devices --------------------------------------------------------------------------------------- */

/* Passes messages on between two raw sockets of protocols that talk to each other, both ways where
 * both exist, on the calling thread; with one of them -1, from the other back to it. Returns only
 * when it fails, and may be called again then. Errors: EBADF (no socket, or closed meanwhile), EINVAL
 * (not raw, or protocols that do not match), ENOTSUP (a single socket with one direction), EINTR (a
 * signal handler ran), ENOMEM. */
NN_EXPORT int nn_device(int s1, int s2);

/* ---- Statistics ------------------------------------------------------------------------------------ */

/* Counted since the socket was opened. */
#define NN_STAT_ESTABLISHED_CONNECTIONS 101 /* by nn_connect */
#define NN_STAT_ACCEPTED_CONNECTIONS 102    /* by nn_bind */
#define NN_STAT_DROPPED_CONNECTIONS 103     /* closed on our side */
#define NN_STAT_BROKEN_CONNECTIONS 104      /* lost */
#define NN_STAT_CONNECT_ERRORS 105
#define NN_STAT_BIND_ERRORS 106
#define NN_STAT_ACCEPT_ERRORS 107
/* As it is now. */
#define NN_STAT_CURRENT_CONNECTIONS 201
#define NN_STAT_INPROGRESS_CONNECTIONS 202
#define NN_STAT_CURRENT_EP_ERRORS 203 /* endpoints that failed to connect or lost their connection */
/* Counted since the socket was opened. */
#define NN_STAT_MESSAGES_SENT 301
#define NN_STAT_MESSAGES_RECEIVED 302
#define NN_STAT_BYTES_SENT 303
#define NN_STAT_BYTES_RECEIVED 304
/* As it is now. */
#define NN_STAT_CURRENT_SND_PRIORITY 401 /* the best priority that has a peer */

/* A counter of this list or of nanoseal.h. Errors: (uint64_t)-1 with errno EBADF or EINVAL. */
NN_EXPORT uint64_t nn_get_statistic(int s, int stat);

#ifdef __cplusplus
}
#endif

#endif
